#!/usr/bin/env python3
"""Makes demo/pages/tour.pdf: "A short tour of process isolation".   usage: make-tour.py OUTPUT   needs groff-base"""
import math
import sys

from pdfwriter import Pdf, escape, text_width

W, H, LEFT, RIGHT, TOP = 420, 595, 46, 374, 540
INK, NAVY, RED, TEAL, SAND, GREY, PALE, VIOLET = (
    "0.11 0.14 0.20", "0.07 0.19 0.35", "0.70 0.22 0.12", "0.11 0.60 0.55", "0.98 0.89 0.69", "0.45 0.50 0.60",
    "0.91 0.94 0.98", "0.36 0.29 0.53")


class Page:
    """A content stream with a pen that moves down the page."""

    def __init__(self):
        self.ops, self.y = [], TOP

    def op(self, form, *values):
        self.ops.append(form % values)

    def text(self, x, y, font, size, colour, text, anchor=0.0):
        self.op("BT %s rg /%s %g Tf %.2f %.2f Td (%s) Tj ET", colour, font, size,
                x - anchor * text_width(font, size, text), y, escape(text))

    def box(self, x, y, w, h, fill=None, stroke=None, line=1.2, radius=5):
        r = min(radius, w / 2, h / 2)
        k = r * 0.4477
        path = ("%g %g m %g %g l %g %g %g %g %g %g c %g %g l %g %g %g %g %g %g c %g %g l %g %g %g %g %g %g c %g %g l "
                "%g %g %g %g %g %g c h" % (
                    x + r, y, x + w - r, y, x + w - k, y, x + w, y + k, x + w, y + r, x + w, y + h - r,
                    x + w, y + h - k, x + w - k, y + h, x + w - r, y + h, x + r, y + h, x + k, y + h, x, y + h - k, x, y + h - r,
                    x, y + r, x, y + k, x + k, y, x + r, y))
        self.op("q %s %s %g w %s %s Q", (fill + " rg") if fill else "", (stroke + " RG") if stroke else "", line, path,
                "B" if fill and stroke else "f" if fill else "S")

    def label(self, x, y, w, h, fill, text, sub=None, colour="1 1 1", size=9):
        self.box(x, y, w, h, fill)
        middle = y + h / 2 - size * 0.35
        self.text(x + w / 2, middle + (size * 0.55 if sub else 0), "HB", size, colour, text, 0.5)
        if sub:
            self.text(x + w / 2, middle - size * 0.6, "HR", size * 0.78, colour, sub, 0.5)

    def arrow(self, x0, y0, x1, y1, colour=NAVY, line=1.4):
        angle = math.atan2(y1 - y0, x1 - x0)
        bx, by = x1 - 6 * math.cos(angle), y1 - 6 * math.sin(angle)
        nx, ny = 3 * math.sin(angle), -3 * math.cos(angle)
        self.op("q %s RG %s rg %g w %.2f %.2f m %.2f %.2f l S %.2f %.2f m %.2f %.2f l %.2f %.2f l f Q", colour, colour, line,
                x0, y0, bx, by, x1, y1, bx + nx, by + ny, bx - nx, by - ny)

    def line(self, x0, y0, x1, y1, colour=GREY, line=0.8):
        self.op("q %s RG %g w %g %g m %g %g l S Q", colour, line, x0, y0, x1, y1)

    def heading(self, number, title):
        self.text(LEFT, self.y, "HB", 9, RED, number)
        self.text(LEFT, self.y - 24, "HB", 21, NAVY, title)
        self.y -= 48

    def paragraph(self, text, size=11, lead=15.2, indent=0, font="TR", colour=INK):
        """Justified; *word* is italic."""
        words, line, width = text.split(), [], 0
        measure, space = RIGHT - LEFT - indent, text_width(font, size, " ")
        for word in words:
            w = text_width("TI" if word.startswith("*") else font, size, word.strip("*"))
            if line and width + space + w > measure:
                self._line(line, indent, measure, size, font, colour, True)
                self.y -= lead
                line, width = [], 0
            width += (space if line else 0) + w
            line.append(word)
        self._line(line, indent, measure, size, font, colour, False)
        self.y -= lead + 5

    def _line(self, words, indent, measure, size, font, colour, justify):
        fonts = ["TI" if word.startswith("*") else font for word in words]
        widths = [text_width(f, size, word.strip("*")) for f, word in zip(fonts, words)]
        gap = (measure - sum(widths)) / (len(words) - 1) if justify and len(words) > 1 else text_width(font, size, " ")
        x = LEFT + indent
        for f, word, width in zip(fonts, words, widths):
            self.text(x, self.y, f, size, colour, word.strip("*"))
            x += width + gap

    def bullets(self, items):
        for item in items:
            self.text(LEFT + 6, self.y, "TR", 11, RED, "\u2022")
            self.paragraph(item, indent=18)
            self.y += 3
        self.y -= 4

    def figure(self, height, draw, caption):
        self.y -= height - 2
        draw(self, LEFT, self.y, RIGHT - LEFT, height - 8)
        self.y -= 14
        self.text(W / 2, self.y, "TI", 9, GREY, caption, 0.5)
        self.y -= 24

    def table(self, rows, column):
        for name, text in rows:
            self.text(LEFT, self.y, "HB", 8.8, RED, name)
            top = self.y
            self.paragraph(text, 9.6, 12.4, column)
            self.line(LEFT, self.y + 12.2, RIGHT, self.y + 12.2, "0.85 0.88 0.92", 0.6)
            self.y = min(self.y, top - 17) - 1.5


def ship(page, x, y, w, h):
    """A hull in section, six rooms, one of them under water."""
    page.op("q %s rg %g %g m %g %g l %g %g %g %g %g %g c %g %g l %g %g %g %g %g %g c f Q", NAVY, x, y + h, x + w, y + h,
            x + w * .97, y + h * .5, x + w * .93, y + h * .2, x + w * .87, y, x + w * .13, y,
            x + w * .07, y + h * .2, x + w * .03, y + h * .5, x, y + h)
    rooms = 6
    for i in range(rooms):
        left, right = x + w * (0.14 + i * 0.122), x + w * (0.14 + i * 0.122 + 0.108)
        flooded = i == 4
        page.box(left, y + h * .12, right - left, h * .72, SAND, radius=3)
        if flooded:
            page.box(left, y + h * .12, right - left, h * .56, "0.12 0.45 0.60", radius=3)
            for bx, by in ((.3, .2), (.6, .4), (.45, .52), (.75, .27)):
                page.box(left + (right - left) * bx, y + h * by, 3, 3, "0.75 0.92 0.97", radius=1.5)


def processes(page, x, y, w, h):
    page.box(x, y, w * .27, h, PALE, NAVY)
    page.text(x + w * .135, y + h - 18, "HB", 11, NAVY, "broker", .5)
    for i, text in enumerate(("tabs", "messages", "files", "frames", "ends")):
        page.label(x + 8, y + h - 44 - i * 20, w * .27 - 16, 16, "1 1 1", text, colour=INK, size=8)
    cx, cw = x + w * .47, w * .53
    for i, shade in enumerate(("0.55 0.60 0.68", "0.73 0.76 0.82", "0.55 0.60 0.68", "0.10 0.14 0.25")):
        page.box(cx + i * 4, y + i * 4, cw - i * 8, h - i * 8, shade, radius=9)
    inner, width = cx + 22, cw - 44
    page.label(inner, y + h - 46, width / 2 - 4, 26, VIOLET, "zygote", size=9)
    page.label(inner + width / 2 + 4, y + h - 46, width / 2 - 4, 26, "0.24 0.29 0.41", "init", size=9)
    for i, (name, fill) in enumerate((("renderer: tour.pdf", TEAL), ("renderer: index.html", TEAL), ("renderer: crashed", RED))):
        page.label(inner, y + h - 76 - i * 25, width, 21, fill, name, size=8.5)
    for i, (text, colour, back) in enumerate((("requests, files", NAVY, False), ("answers", RED, True), ("pixels", TEAL, True))):
        ay = y + h * (.74 - i * .22)
        page.arrow(*((x + w * .46, ay, x + w * .28, ay) if back else (x + w * .28, ay, x + w * .46, ay)), colour)
        page.text(x + w * .37, ay + 4, "HR", 7.5, INK, text, .5)


LAYERS = ["an id that owns nothing", "namespaces", "an empty root", "no capabilities, no new privileges", "Landlock",
          "resource limits", "no memory both writable and executable", "about twenty system calls"]


def walls(page, x, y, w, h):
    step_x, step_y = 13, 15.2
    for i, name in enumerate(LAYERS):
        shade = 0.90 - i * 0.085
        page.box(x + i * step_x, y + i * 4, w - 2 * i * step_x, h - i * (step_y + 4), "%.3f %.3f %.3f" % (shade * .86, shade * .93, min(1, shade * 1.06)), radius=8)
        page.text(W / 2, y + h - i * step_y - 11, "HB", 7.6, NAVY if i < 4 else "1 1 1", name, .5)
    i = len(LAYERS)
    page.label(W / 2 - 48, y + i * 4 + 3, 96, h - i * (step_y + 4) - 6, TEAL, "renderer")


def packet(page, x, y, w, h):
    page.box(x, y + h * .30, w, h * .42, PALE, NAVY)
    page.text(x, y + h * .80, "HB", 8.5, NAVY, "one packet")
    at = x + 6
    for name, size, fill in (("pong", 40, TEAL), ("frame_ready", 78, TEAL), ("progress", 58, TEAL), ("activity", 98, VIOLET)):
        page.label(at, y + h * .38, 14, h * .26, "0.55 0.60 0.68", "n", size=8)
        page.label(at + 15, y + h * .38, size - 13, h * .26, fill, name, size=7.6)
        at += size + 12
    page.text(x, y + h * .12, "HR", 8, GREY, "[length][message] [length][message] \u2026 up to 32 KB; counted before anything is believed")


def buffers(page, x, y, w, h):
    bw = w * .24
    for i, (name, sub, fill) in enumerate((("buffer 0", "being painted", TEAL), ("buffer 1", "ready", VIOLET), ("buffer 2", "being shown", NAVY))):
        page.label(x + w * .06 + i * (bw + w * .08), y + h * .42, bw, h * .42, fill, name, sub)
    page.text(x + w * .06, y + h * .16, "HR", 8, INK, "the renderer writes here")
    page.text(x + w * .94, y + h * .16, "HR", 8, INK, "the broker reads here", 1)
    page.arrow(x + w * .16, y + h * .24, x + w * .16, y + h * .40, TEAL)
    page.arrow(x + w * .82, y + h * .40, x + w * .82, y + h * .24, NAVY)
    for i in (0, 1):
        page.arrow(x + w * .06 + bw + i * (bw + w * .08) + 4, y + h * .63, x + w * .06 + (i + 1) * (bw + w * .08) - 4, y + h * .63, GREY)


def files(page, x, y, w, h):
    rows = (("style.css", "granted", TEAL), ("pictures/hull.png", "granted", TEAL), ("../../etc/passwd", "outside", RED),
            ("/etc/shadow", "outside", RED), ("link-to-home", "a link", RED), ("missing.png", "not found", GREY))
    for i, (name, verdict, colour) in enumerate(rows):
        top = y + h - 18 - i * (h / len(rows))
        page.box(x, top, w, 15, PALE if i % 2 == 0 else "1 1 1", radius=2)
        page.text(x + 8, top + 4.5, "CR", 8.6, INK, name)
        page.label(x + w - 78, top + 1.5, 70, 12, colour, verdict, size=7.2)


def joined(page, x, y, w, h):
    page.label(x, y + h * .62, w * .30, h * .30, NAVY, "SIGCHLD, pidfd", "the kernel's word")
    page.label(x, y + h * .08, w * .30, h * .30, VIOLET, "end of the channel", "after its last messages")
    page.label(x + w * .44, y + h * .33, w * .22, h * .34, RED, "one end", "handled once")
    page.label(x + w * .78, y + h * .33, w * .22, h * .34, TEAL, "the tab", "keeps its frame")
    page.arrow(x + w * .31, y + h * .77, x + w * .43, y + h * .58)
    page.arrow(x + w * .31, y + h * .23, x + w * .43, y + h * .42)
    page.arrow(x + w * .67, y + h * .5, x + w * .77, y + h * .5)


def cover(pdf):
    page = Page()
    for i in range(24):
        t = i / 23
        page.op("%.3f %.3f %.3f rg 0 %g %g %g re f", .09 + .40 * t, .15 + .18 * t, .30 + .20 * t, H - (i + 1) * H / 24 - .5, W, H / 24 + .5)
    page.op("0.98 0.87 0.64 rg")
    page.box(280, 318, 52, 52, SAND, radius=26)
    page.op("0.10 0.36 0.47 rg 0 0 %g 205 re f 0.06 0.22 0.33 rg 0 0 %g 120 re f 0.03 0.12 0.21 rg 0 0 %g 60 re f", W, W, W)
    page.box(150, 262, 110, 26, "0.95 0.94 0.91", radius=2)
    page.box(176, 288, 54, 18, "0.88 0.86 0.80", radius=2)
    page.box(192, 306, 20, 34, RED, radius=1)
    ship(page, 50, 150, 320, 112)
    page.text(W / 2, 500, "HB", 30, "1 1 1", "A short tour of", .5)
    page.text(W / 2, 462, "HB", 30, "1 1 1", "process isolation", .5)
    page.text(W / 2, 432, "TI", 13, "0.93 0.90 0.95", "how Bulkhead opens files you do not trust", .5)
    page.text(W / 2, 34, "HR", 9, "0.60 0.72 0.82", "Bulkhead Developers", .5)
    pdf.page(W, H, "\n".join(page.ops))


def section(pdf, title, build):
    page, number = Page(), len(pdf.pages)
    page.heading("%d" % number, title)
    build(page)
    page.line(LEFT, 40, RIGHT, 40, "0.80 0.84 0.90", .6)
    page.text(LEFT, 28, "HR", 8, GREY, "A short tour of process isolation")
    page.text(RIGHT, 28, "HR", 8, GREY, "%d" % number, 1)
    if page.y < 44:
        print("page %d runs over by %g" % (number, 44 - page.y), file=sys.stderr)
    pdf.mark(title, number, H)
    pdf.page(W, H, "\n".join(page.ops))


def why(p):
    p.paragraph("A document is data, we say, and a program is code. The program that opens the document knows better. It reads a "
                "length and allocates that much; it reads an offset and jumps there; it reads a table of instructions for drawing a "
                "letter and carries them out, one by one, in an interpreter somebody wrote in 1991. A document is a script for "
                "whoever opens it.")
    p.paragraph("So the mistakes of a reader become the tools of a writer. A picture whose width times height is a little more than "
                "a 32-bit number can hold makes a buffer that is far too small, and the rest of the picture goes wherever it likes. "
                "This has been found in nearly every image library in wide use, and mended, and found again.")
    p.figure(126, lambda page, x, y, w, h: ship(page, x + 20, y + 14, w - 40, h - 20), "One room floods. It was built in the knowledge that one would.")
    p.paragraph("There are two answers. One is to make no mistakes: safer languages, fuzzing, review. It is a good answer, and it "
                "is never finished. The other is to ask what a mistake is worth. If the code that reads the document can do nothing "
                "but compute, then whoever takes it over has won the right to compute.")
    p.paragraph("This tour is about the second answer. It takes ten minutes and follows one file from the disk to the screen.")


def cast(p):
    p.paragraph("Bulkhead is four kinds of process, and three of them are locked up.")
    p.figure(158, processes, "Trusted on the left, locked up on the right.")
    p.bullets(["The *broker* is what you start. It owns the tabs, opens the files and shows the pictures. It never looks inside a "
               "document, not even to find out of which kind it is.",
               "The *zygote* is started once, walks into the cell, loads fonts and libraries, and from then on does one thing: it "
               "forks. A fork of a warm process is ready in a fraction of a millisecond.",
               "A *renderer* is such a fork, with one document to itself. It parses, lays out and paints.",
               "The *init* of the cell does nothing. When it dies, the kernel kills everything in the cell with it, and so no "
               "renderer can outlive the broker."])
    p.paragraph("Renderers are children of the broker, although the zygote forks them. A parent is told by the kernel how its child "
                "ended, and that word is worth more than anything the child could say.")


def cell(p):
    p.paragraph("No single wall is perfect. The cell is made of many, built by different people for different reasons, so that an "
                "error in one is not the end.")
    p.figure(196, walls, "From the outside in. Each wall holds if the one around it falls.")
    p.paragraph("The order matters. An id can only be given up by someone who still has it; a root can only be changed by someone "
                "who may still mount. The filter on system calls comes last, because it forbids most of what it took to build the others.")
    p.paragraph("And what if a wall is not to be had? Old kernels lack some, and some hosts forbid others. Bulkhead then builds the "
                "rest, says which is missing and why, and goes on; or, if you asked it to require that wall, it refuses to start. "
                "It never quietly does less.")


def channel(p):
    p.paragraph("Between the broker and each renderer there is one socket that keeps message boundaries. Everything that is said goes "
                "through it, in a language defined in a single place.")
    p.figure(86, packet, "Small messages travel together: a system call costs more than a copy.")
    p.paragraph("The two directions are not alike. Downwards, the broker speaks to a process it does not trust but has nothing to fear "
                "from. Upwards, everything is hostile until it has been checked:")
    p.bullets(["*scanned* against the definition, byte by byte, before a parser may touch it: no unknown field, no field twice, no "
               "length beyond its limit;",
               "*expected:* an answer must belong to a question, a buffer to the generation that was handed out;",
               "*bounded:* so many messages a turn, so many bytes in a queue. A renderer that floods, or stops reading, delays "
               "nobody but itself."])
    p.paragraph("File descriptors only travel down. On a recent kernel the broker's end of the socket refuses them altogether; on an "
                "older one they are counted, closed, and held against their sender. A breach ends the renderer with its reason "
                "by name: *duplicate* *field,* not *error* *7.*")


def frames(p):
    p.paragraph("A picture of a page is a few megabytes, sixty times a second if it moves. It would be a pity to push that through a "
                "socket, so the pixels stay where they are painted: in memory that both sides see.")
    p.figure(104, buffers, "Three buffers: nobody ever waits for anybody.")
    p.paragraph("The broker makes that memory and *seals* it before anyone else sees it. An unsealed piece of memory can be cut short by "
                "its other holder, and the next read beyond its end is a fatal signal: for the reader. Sealed, its size is settled.")
    p.paragraph("How wide a row is, how many rows there are, which buffer is whose: all of that is the broker's own record. It was "
                "told to nobody but the renderer, and is asked back from no one. What the broker must read from shared memory it "
                "copies once, and then looks at the copy, because the original may change between two glances.")
    p.paragraph("A renderer that paints faster than it is watched skips frames. One that dies in the middle of a stroke leaves two "
                "other buffers behind, and the last complete picture is still there to be shown.")


def grants(p):
    p.paragraph("A page may need more than itself: a style sheet, a few pictures. The renderer cannot open them, since in its world "
                "there are no files. It asks.")
    p.figure(124, files, "What one page asked for, and what it was told.")
    p.paragraph("The broker opens what was asked for *beneath* the directory of the document, and lets the kernel enforce the word: no "
                "climbing out with two dots, no links, no absolute paths, nothing but regular files, and not too large. No "
                "clever comparison of strings is involved, and so there is none to fool.")
    p.paragraph("The answer is an open descriptor, for reading, or a refusal with its reason. Both are written down. For every "
                "document you can see afterwards what it wanted; a page with one picture and a wish for your password file has told "
                "you something.")


def ends(p):
    p.paragraph("Renderers die. It is what they are for. What matters is that the broker learns of it once, truthfully, and soon.")
    p.figure(100, joined, "Two notices, in any order, become one end.")
    p.paragraph("Two notices arrive for every death, and no one can say which comes first: the kernel reports the end of the "
                "process, and the socket reports the end of the conversation. The last messages of a dying renderer may still be "
                "on their way when its death is announced. So the broker reads the channel to its very end, takes the kernel's "
                "word, and puts the two together, once.")
    p.paragraph("If the renderer managed to say something before it fell \u2013 where it was, what it was doing, the address it should not "
                "have touched \u2013 that is kept too: as a claim, marked as the renderer's own word. It may have been taken over, after "
                "all. Its signal number comes from the kernel, and cannot be forged.")
    p.paragraph("The tab keeps the last good picture, dimmed, with the reason across it. Press reload, and a new renderer starts from a "
                "new zygote, with a new layout of memory: whoever learned an address by crashing has learned it in vain.")


def words(p):
    p.paragraph("Each end has one name, and the names do not overlap.")
    p.table((("exited cleanly", "It was asked to go, and went."),
             ("crashed", "A signal from the processor or from itself, with code and address."),
             ("sandbox violation", "It asked the kernel for something off the list. The call is named, with its arguments."),
             ("out of memory", "It wanted more than a document may have."),
             ("hung", "No progress for too long. Asked for its stack, then ended."),
             ("bad message", "It said what no honest renderer says. The broken rule is named."),
             ("killed by the broker", "The broker had its reasons, and gives them."),
             ("unexpected exit", "It left without being asked. Nothing else is known, and nothing is made up.")), 104)
    p.y -= 4
    p.paragraph("A document that keeps crashing its renderers is put in quarantine: it is the document that is held, not the tab. Its "
                "neighbours never come to know of it. They painted on, and lost no frame.")


def limits(p):
    p.paragraph("It would be dishonest to end without the other list. A renderer in its cell can still do this:")
    p.bullets(["*compute.* It can burn a processor core until the watchdog looks, and use memory up to its limit.",
               "*lie about its own document.* A taken-over renderer can paint whatever it likes in its own tab. The page you see is "
               "what the document wants you to see; but so it was before.",
               "*attack the kernel* through the calls that remain. They were chosen to be few and dull, but the kernel is large, "
               "and a flaw in it is a flaw in every wall made of it.",
               "*measure time.* Processors tell their neighbours things they should not. The known leaks are switched off where a "
               "switch exists."])
    p.paragraph("And the broker must be right. It is small for that reason: one thread, one loop, no parser of any document, and a "
                "scanner for messages whose daily bread in the tests is garbage.")


def further(p):
    p.paragraph("The file you are reading was opened by a broker that did not read it. A renderer, one of several now alive on your "
                "machine, has just turned this page into pixels. It has seen no other file, and by the time you close this tab it "
                "will be gone without a trace.")
    p.paragraph("Some things to try:")
    p.bullets(["watch the table of messages while a scene is running, and count the pixels that went through the socket: none;",
               "crash a tab, and look at the frame counters of its neighbours;",
               "read the report: the signal is the kernel's word, the stack is the renderer's;",
               "open a page that asks for things it should not have, and read what it was told."])
    p.figure(120, lambda page, x, y, w, h: ship(page, x + 40, y + 8, w - 80, h - 16), "Still afloat.")
    p.paragraph("*The* *ship* *is* *not* *saved* *by* *a* *hull* *that* *never* *leaks.* *It* *is* *saved* *by* *walls* *inside.*")


pdf = Pdf("A short tour of process isolation", "Bulkhead Developers")
cover(pdf)
for heading, build in (("Why walls", why), ("The cast", cast), ("The cell", cell), ("The channel", channel),
                       ("Frames without copies", frames), ("Files, on request", grants), ("How a renderer ends", ends),
                       ("One truthful word", words), ("What walls do not stop", limits), ("Now look around", further)):
    section(pdf, heading, build)
pdf.write(sys.argv[1])
