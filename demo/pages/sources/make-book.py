#!/usr/bin/env python3
"""Makes demo/pages/three-walls.epub from the text below and hull.png.   usage: make-book.py DIRECTORY"""
import os
import sys
import zipfile

CSS = """body { font-family: serif; line-height: 1.4 }
h1 { font-family: sans-serif; color: #12305a; margin: 0 0 12pt 0 }
h1.book { text-align: center; font-size: 28pt; margin: 24pt 0 4pt 0 }
p { margin: 0 0 6pt 0; text-align: justify }
p.centre { text-align: center; font-style: italic; color: #5a6780 }
p.number { font-family: sans-serif; color: #b3391f; margin: 0 }
"""

CHAPTERS = [("one", "The ship", """
Shipwrights of the Song dynasty are said to have copied the bamboo: a stem is a row of rooms with a floor between each. A junk built that way
could strike a rock, lose a room to the sea, and sail on to be mended. Travellers wrote home about it with some
astonishment, because at home one hole was the end of a ship.

What makes the idea work is that it is dull. A bulkhead does nothing at all. It does not pump, it does not warn, it has no
opinion on where the next rock will be. It stands between two rooms, and on the one day that matters the water stops there.

Nor does it trust the rooms. The carpenter who builds it does not ask whether the cargo in the third hold is of good
character. He takes it for granted that some day the third hold will be full of sea, and asks only what the second hold
will look like on that evening. It should look dry.

There is a famous ship whose walls were too low. Each compartment was sound, and the water, having filled one, climbed over
the top into the next, as it does in an ice tray under the tap. A wall with a gap above it is not a wall. It is furniture.
"""), ("two", "The process", """
A computer's processes are rooms, and have been since the sixties. One cannot read another's memory; the processor itself
sees to that, at every single access, and has never been known to be tired. So why do programs fall over as one?
Because of all the doors. A process may open files, listen to the network, look at its neighbours, send them signals, start
more of its own kind, and ask the kernel for any of some four hundred services. Every one of those is an opening at the
top of the wall. A renderer that has been taken over by a document need not break through anything: it strolls out.

So the builder goes round and closes doors, from the large to the small. First a namespace, in which there are no other
processes, no network and no files but an empty root. Then the rights, every last one of them, and a promise that none
will ever come back. Then limits on memory and on descriptors. Last of all a filter on the system calls themselves: some
twenty remain, most of them about memory, and whoever asks for a twenty-first has told us something about himself.

The order is not a matter of taste. Some locks can only be turned by hands that still hold the keys; the filter, being the
last, may no longer allow the very calls that built the walls.
"""), ("three", "The message", """
A sealed room is safe and useless. Somebody must hand things in and take things out, and that is where the rest of the
trouble lives.

Handing in is the easy part. An open file can be passed through a socket like a book through a hatch: the room receives
that one book and learns nothing of the library. If a page inside wants a picture, the room has to ask for it by name. The
librarian looks at the name, looks at the shelf that this reader may use, and either fetches it or writes down that he
did not. Both go into the record.

Taking out wants more care. Whatever comes from the room was written by the room, and the room may no longer be ours. A
number that says a thousand may mean to say minus one; a message may be complete and well-formed and wish to be read
twice. So the reader outside counts first and believes afterwards: lengths, kinds, order, and whether such an answer was
asked for at all. A single word that no honest room could have written ends the conversation.

Pictures are too large to pass through a hatch, and so there is a window: a piece of memory that both sides can see. It
was cut outside, its frame is riveted, and the room cannot make it larger, smaller, or lead it anywhere else. If someone
inside paints nonsense on the pane, then nonsense is what we see. It stays on the other side of the glass.

That is all. Three walls, and none of them is clever. The ship is not saved by a hull that never leaks.
""")]

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><head><title>%s</title>
<link rel="stylesheet" type="text/css" href="book.css"/></head><body>
%s
</body></html>
"""


def paragraphs(text):
    return "\n".join("<p>%s</p>" % " ".join(p.split()) for p in text.split("\n\n"))


def main(folder):
    cover = PAGE % ("Three Walls", '<h1 class="book">Three Walls</h1>\n<p class="centre">a short book about compartments</p>\n'
                    '<p class="centre"><img src="hull.png" width="420" alt="A ship in section"/></p>\n'
                    '<p class="centre">written for Bulkhead</p>')
    files = [("cover", cover)] + [(name, PAGE % (title, '<p class="number">%s</p>\n<h1>%s</h1>\n%s' % (name.upper(), title, paragraphs(text))))
                                  for name, title, text in CHAPTERS]
    manifest = "".join('<item id="%s" href="%s.xhtml" media-type="application/xhtml+xml"/>' % (n, n) for n, _ in files)
    package = ('<?xml version="1.0" encoding="UTF-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="id">'
               '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Three Walls</dc:title><dc:creator>Bulkhead Developers'
               '</dc:creator><dc:language>en</dc:language><dc:identifier id="id">bulkhead-three-walls</dc:identifier></metadata>'
               '<manifest><item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/><item id="css" href="book.css" '
               'media-type="text/css"/><item id="hull" href="hull.png" media-type="image/png"/>%s</manifest><spine toc="ncx">%s'
               '</spine></package>' % (manifest, "".join('<itemref idref="%s"/>' % n for n, _ in files)))
    points = "".join('<navPoint id="%s" playOrder="%d"><navLabel><text>%s</text></navLabel><content src="%s.xhtml"/></navPoint>' %
                     (name, i, title, name) for i, (name, title, _) in enumerate(CHAPTERS, 1))
    toc = ('<?xml version="1.0" encoding="UTF-8"?>\n<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><head/>'
           '<docTitle><text>Three Walls</text></docTitle><navMap>%s</navMap></ncx>' % points)
    container = ('<?xml version="1.0"?>\n<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                 '<rootfile full-path="content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>')
    entries = [("mimetype", "application/epub+zip"), ("META-INF/container.xml", container), ("content.opf", package),
               ("toc.ncx", toc), ("book.css", CSS), ("hull.png", open(os.path.join(folder, "hull.png"), "rb").read())]
    entries += [(name + ".xhtml", text) for name, text in files]
    with zipfile.ZipFile(os.path.join(folder, "three-walls.epub"), "w") as out:
        for path, data in entries:
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if path == "mimetype" else zipfile.ZIP_DEFLATED
            out.writestr(entry, data)


main(sys.argv[1])
