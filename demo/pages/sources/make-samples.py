#!/usr/bin/env python3
"""Makes tests/integration/documents: the smallest file of each kind that has something to see, and broken ones.

usage: make-samples.py DIRECTORY      needs groff-base, imagemagick and mupdf-tools
"""
import os
import struct
import subprocess
import sys
import zipfile
import zlib

from pdfwriter import Pdf


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def save(name, data):
    with open(name, "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode("utf-8"))


def archive(name, entries):
    """A zip that is the same every time; the first entry is stored, as EPUB wants it."""
    with zipfile.ZipFile(name, "w") as out:
        for i, (path, data) in enumerate(entries):
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED if i else zipfile.ZIP_STORED
            out.writestr(entry, data)


def sample_page(number, width, height):
    colours = ("0.85 0.25 0.2", "0.2 0.55 0.3", "0.2 0.35 0.75")
    return ("%s rg 20 20 %g %g re f 1 1 1 rg 30 30 %g %g re f 0 0 0 rg BT /HB 24 Tf 44 %g Td (Page %d of 3) Tj ET "
            "BT /TR 12 Tf 44 %g Td (A sample for tests: %g by %g points.) Tj ET 0.5 w 44 %g m %g %g l S" % (
                colours[number - 1], width - 40, height - 40, width - 60, height - 60, height - 80, number, height - 104,
                width, height, height - 114, width - 44, height - 114))


def pdfs():
    pdf = Pdf("Sample document", "Bulkhead")
    for number, (width, height) in enumerate(((300, 400), (400, 300), (300, 200)), 1):
        pdf.page(width, height, sample_page(number, width, height))
    pdf.write("sample.pdf")
    run("mutool", "clean", "-E", "aes-256", "-U", "hunter2", "-O", "owner", "sample.pdf", "encrypted.pdf")
    data = open("sample.pdf", "rb").read()
    save("truncated.pdf", data[:len(data) * 2 // 3])
    save("repairable.pdf", data[:data.rindex(b"xref\n0 ")])
    save("garbage.pdf", b"%PDF-1.7\n" + bytes((i * 197 + i * i * 31) & 255 for i in range(2048)))
    save("loop.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 1/Kids[2 0 R]/Parent 2 0 R>>"
         b"endobj\ntrailer<</Root 1 0 R/Size 3>>\n")
    save("deep.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/Deep " + b"[" * 20000 + b"]" * 20000 +
         b">>endobj\ntrailer<</Root 1 0 R/Size 3>>\n")


def images():
    picture = ["-size", "48x32", "gradient:#ffd27f-#3b2f7f", "-fill", "#d7263d", "-draw", "circle 24,16 24,7"]
    for name in ("sample.png", "sample.jpg", "sample.gif", "sample.bmp", "sample.tiff", "sample.jp2", "sample.ppm"):
        kind = "BMP3:" if name.endswith("bmp") else ""
        options = ["-compress", "LZW"] if name.endswith("tiff") else []
        run("convert", *picture, "-depth", "8", *options, "-strip", "+set", "date:create", "+set", "date:modify", kind + name)
    run("convert", *picture, "-colorspace", "Gray", "-depth", "8", "sample.pgm")
    run("convert", "-size", "24x24", "xc:#1b998b", "-strip", "inside.png")
    run("convert", "-size", "24x24", "xc:#f46036", "-strip", "sub/nested.png")
    data = open("sample.png", "rb").read()
    save("truncated.png", data[:len(data) // 2])
    save("truncated.jpg", open("sample.jpg", "rb").read()[:160])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png():
    """100,000 x 100,000 pixels, 30 GB decoded; the first twenty of its rows are there."""
    header = struct.pack(">IIBBBBB", 100000, 100000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(300001 * 20), 9)
    save("huge.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def svgs():
    save("sample.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="120" viewBox="0 0 200 120">\n'
         '<rect width="200" height="120" fill="#eef2f7"/>\n<circle cx="60" cy="60" r="40" fill="#1b998b"/>\n'
         '<path d="M110 95 L150 25 L190 95 Z" fill="#f46036" stroke="#2e294e" stroke-width="3"/>\n'
         '<text x="100" y="112" font-family="sans-serif" font-size="12" text-anchor="middle">sample</text>\n</svg>\n')
    save("deep.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + "<g>" * 20000 + '<rect width="9" height="9"/>' +
         "</g>" * 20000 + "</svg>")
    save("broken.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><rect width="50" height=')


XHTML = ('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" '
         '"http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">\n'
         '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>%s</title></head><body>%s</body></html>\n')


def pages():
    save("sample.html", '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Sample page</title>'
         '<link rel="stylesheet" href="sample.css"></head>\n<body><h1>Sample page</h1>\n<p>A paragraph with <b>bold</b>, '
         '<i>italic</i> and 한글.</p>\n<ul><li>one</li><li>two</li></ul>\n<p><img src="inside.png" alt="inside"></p></body></html>\n')
    save("sample.css", "h1 { color: #a01020; }\np { color: #203060; }\n")
    save("sample.xhtml", XHTML % ("Sample XHTML", "<h1>Sample XHTML</h1><p>Strictly well-formed.</p>"))
    save("reach.html", '<!DOCTYPE html>\n<html><head><title>Reaching out</title><link rel="stylesheet" href="sample.css">'
         '<link rel="stylesheet" href="../../../etc/passwd"></head>\n<body><h1>What this page asks for</h1>\n' +
         "".join('<p>%s: <img src="%s" alt="(refused)"></p>\n' % item for item in (
             ("inside", "inside.png"), ("nested", "sub/nested.png"), ("above", "../../etc/passwd"),
             ("dotted within", "sub/../inside.png"), ("absolute", "/etc/passwd"), ("a link", "link.png"),
             ("through a linked directory", "linked/nested.png"), ("missing", "missing.png"), ("a directory", "sub"),
             ("percent-encoded", "%2e%2e/%2e%2e/etc/passwd"), ("elsewhere", "http://localhost/x.png"))) + "</body></html>\n")
    for link, target in (("link.png", "inside.png"), ("linked", "sub")):
        if not os.path.islink(link):
            os.symlink(target, link)
    save("deep.html", "<!DOCTYPE html><title>Deep</title>" + "<div>" * 20000 + "deep" + "</div>" * 20000)
    save("sample.txt", "A plain text file.\n\nSecond paragraph: caf\u00e9, \u03b1\u03b2\u03b3, \ud55c\uae00, 100 \u20ac.\n" +
         "".join("Line %d of many.\n" % i for i in range(1, 121)))
    save("empty", b"")
    save("unknown.bin", bytes((i * 73 + 11) & 255 for i in range(512)))


def epub():
    container = ('<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
                 '<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>')
    package = ('<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="id">'
               '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Sample book</dc:title>'
               '<dc:language>en</dc:language><dc:identifier id="id">bulkhead-sample</dc:identifier></metadata><manifest>'
               '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
               '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/></manifest>'
               '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>')
    archive("sample.epub", [("mimetype", "application/epub+zip"), ("META-INF/container.xml", container),
                            ("book.opf", package), ("a.xhtml", XHTML % ("One", "<h1>Chapter one</h1><p>It begins.</p>")),
                            ("b.xhtml", XHTML % ("Two", "<h1>Chapter two</h1><p>It ends.</p>"))])
    archive("broken.epub", [("mimetype", "application/epub+zip"), ("META-INF/container.xml", "<container>")])


def xps():
    types = ('<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
             '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
             '<Default Extension="fdseq" ContentType="application/vnd.ms-package.xps-fixeddocumentsequence+xml"/>'
             '<Default Extension="fdoc" ContentType="application/vnd.ms-package.xps-fixeddocument+xml"/>'
             '<Default Extension="fpage" ContentType="application/vnd.ms-package.xps-fixedpage+xml"/></Types>')
    relations = ('<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="R0" '
                 'Type="http://schemas.microsoft.com/xps/2005/06/fixedrepresentation" Target="/s.fdseq"/></Relationships>')
    space = 'xmlns="http://schemas.microsoft.com/xps/2005/06"'
    page = ('<FixedPage %s Width="320" Height="200" xml:lang="en"><Path Data="M 0,0 L 320,0 320,200 0,200 Z" Fill="#FFEEF2F7"/>'
            '<Path Data="M 40,160 L 100,40 160,160 Z" Fill="#FF1B998B"/>'
            '<Path Data="M 190,60 L 290,60 290,140 190,140 Z" Stroke="#FF2E294E" StrokeThickness="6"/></FixedPage>' % space)
    archive("sample.xps", [("[Content_Types].xml", types), ("_rels/.rels", relations),
                           ("s.fdseq", '<FixedDocumentSequence %s><DocumentReference Source="/d.fdoc"/></FixedDocumentSequence>' % space),
                           ("d.fdoc", '<FixedDocument %s><PageContent Source="/p.fpage"/></FixedDocument>' % space),
                           ("p.fpage", page)])


def cbz():
    archive("sample.cbz", [("1.png", open("sample.png", "rb").read()), ("2.jpg", open("sample.jpg", "rb").read()),
                           ("3.gif", open("sample.gif", "rb").read())])


os.makedirs(os.path.join(sys.argv[1], "sub"), exist_ok=True)
os.chdir(sys.argv[1])
for make in (pdfs, images, huge_png, svgs, pages, epub, xps, cbz):
    make()
