"""A PDF writer of the size this project needs: pages of content streams, standard fonts, an outline, a title.

Text widths come from groff's own metrics of the standard fonts (Debian: groff-base).
"""
import glob
import zlib

FONTS = {"TR": "Times-Roman", "TI": "Times-Italic", "TB": "Times-Bold", "HR": "Helvetica", "HB": "Helvetica-Bold",
         "CR": "Courier", "CB": "Courier-Bold"}
GROFF_NAMES = {"-": "\\-", "'": "aq", "\u2019": "'", "\u2018": "`", "\u201c": "lq", "\u201d": "rq", "\u2013": "\\[en]",
               "\u2014": "em", "\u2022": "bu", "\u00d7": "mu", '"': "dq", "\\": "rs", "`": "ga", "^": "ha", "~": "ti",
               "\u00b7": "md", "\u00b5": "mc", "\u00b0": "de"}
_widths = {}


def _load(font):
    table = {}
    for line in open(glob.glob("/usr/share/groff/*/font/devps/" + font)[0], encoding="latin-1"):
        parts = line.split()
        if len(parts) >= 4 and "," in parts[1] or (len(parts) > 3 and parts[1][0].isdigit()):
            width = parts[1].split(",")[0]
            if width.isdigit():
                table[parts[0]] = last = int(width)
        elif len(parts) == 2 and parts[1] == '"':
            table[parts[0]] = last
        elif parts and parts[0] == "spacewidth":
            table[" "] = int(parts[1])
    return table


def text_width(font, size, text):
    if font not in _widths:
        _widths[font] = _load(font)
    table = _widths[font]
    total = 0
    for c in text:
        name = GROFF_NAMES.get(c, c)
        total += table.get(c if c == " " else name, table.get(name.strip("\\[]"), table.get(c, 500)))
    return total * size / 1000


def escape(text):
    data = text.encode("cp1252")
    return "".join("\\" + chr(b) if b in b"()\\" else chr(b) if 32 <= b < 127 else "\\%03o" % b for b in data)


class Pdf:
    def __init__(self, title, author=None):
        self.title, self.author = title, author
        self.pages, self.outline = [], []

    def page(self, width, height, content, links=()):
        """links: (x0, y0, x1, y1, page number or URI)"""
        self.pages.append((width, height, content, list(links)))
        return len(self.pages) - 1

    def mark(self, title, page, top):
        self.outline.append((title, page, top))

    def write(self, path, compress=True):
        objects = [None, None]  # 1 catalog, 2 pages

        def add(body):
            objects.append(body)
            return len(objects)

        fonts = {name: add("<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding/WinAnsiEncoding>>" % base)
                 for name, base in FONTS.items()}
        resources = add("<</Font<<%s>>>>" % "".join("/%s %d 0 R" % item for item in fonts.items()))
        first = len(objects) + 1
        for number, (width, height, content, links) in enumerate(self.pages):
            page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 %g %g]/Resources %d 0 R/Contents %d 0 R%s>>" % (
                width, height, resources, first + 2 * number + 1, self._annotations(links, first))
            add(page)
            data = content.encode("latin-1")
            if compress:
                data = zlib.compress(data, 9)
            add(b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), b"/Filter/FlateDecode" if compress else b"", data))
        kids = "".join("%d 0 R " % (first + 2 * i) for i in range(len(self.pages)))
        objects[1] = "<</Type/Pages/Count %d/Kids[%s]>>" % (len(self.pages), kids.strip())
        outline = self._outline(add, len(objects) + 1, first)
        objects[0] = "<</Type/Catalog/Pages 2 0 R%s>>" % outline
        author = "/Author(%s)" % escape(self.author) if self.author else ""
        info = add("<</Title(%s)%s>>" % (escape(self.title), author))
        self._save(path, objects, info)

    def _annotations(self, links, first):
        parts = []
        for x0, y0, x1, y1, target in links:
            action = "/A<</S/URI/URI(%s)>>" % escape(target) if isinstance(target, str) else \
                "/Dest[%d 0 R/XYZ null null null]" % (first + 2 * target)
            parts.append("<</Type/Annot/Subtype/Link/Border[0 0 0]/Rect[%g %g %g %g]%s>>" % (x0, y0, x1, y1, action))
        return "/Annots[%s]" % "".join(parts) if parts else ""

    def _outline(self, add, root, first):
        if not self.outline:
            return ""
        last = root + len(self.outline)
        add("<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>" % (root + 1, last, len(self.outline)))
        for i, (title, page, top) in enumerate(self.outline):
            own = root + 1 + i
            links = ("/Prev %d 0 R" % (own - 1) if i else "") + ("/Next %d 0 R" % (own + 1) if own < last else "")
            add("<</Title(%s)/Parent %d 0 R%s/Dest[%d 0 R/XYZ null %g null]>>" % (escape(title), root, links, first + 2 * page, top))
        return "/Outlines %d 0 R/PageMode/UseOutlines" % root

    @staticmethod
    def _save(path, objects, info):
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        offsets = []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n" % number + (body if isinstance(body, bytes) else body.encode("latin-1")) + b"\nendobj\n"
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, info, start)
        open(path, "wb").write(out)
