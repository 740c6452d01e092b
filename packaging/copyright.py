#!/usr/bin/env python3
"""Prints the copyright file of the packages, in the machine-readable form that Debian's policy describes.

    packaging/copyright.py FEATURE    FEATURE is pg15 to pg18

The library contains the code of many crates and of Rust's standard library, so the file names their copyright holders
and licenses, too. It is generated from cargo's metadata because nobody would keep such a list right by hand. A license
whose text is missing from packaging/licenses is an error.
"""

import json
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
LICENSES = ROOT / "packaging" / "licenses"

# Debian's names of licenses, where they differ from SPDX's.
DEBIAN_NAMES = {"MIT": "Expat"}

# Debian has the text of this one on every system.
APACHE = """Licensed under the Apache License, Version 2.0. On Debian systems, its text is in
/usr/share/common-licenses/Apache-2.0. It is also at https://www.apache.org/licenses/LICENSE-2.0."""

NATURAL_EARTH = """All versions of Natural Earth raster and vector map data found on https://www.naturalearthdata.com are in
the public domain."""

STANDARD_LIBRARY = [
    ("rust/library/*", ["The Rust Project Developers"], "Expat or Apache-2.0"),
    ("rust/library/core/src/unicode/unicode_data.rs", ["1991-2024 Unicode, Inc."], "Unicode-3.0"),
    ("rust/vendor/foldhash-*/*", ["2024 Orson Peters"], "Zlib"),
]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked_crates(feature):
    """The crates that are linked into the library, as cargo describes them: no build tools, no procedural macros."""
    features = ["--no-default-features", "--features", feature]
    tree = cargo("tree", "--quiet", "--package", "impossible_travel", "--edges", "normal,no-proc-macro", "--prefix", "none",
                 "--format", "{p}", *features)
    names = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    metadata = json.loads(cargo("metadata", "--quiet", "--format-version", "1", *features))
    crates = [c for c in metadata["packages"] if (c["name"], "v" + c["version"]) in names and c["source"]]
    return sorted(crates, key=lambda c: (c["name"], c["version"]))


def holders(crate):
    """The copyright holders that the crate's license files name with a year, otherwise its authors."""
    found = []
    for file in sorted(pathlib.Path(crate["manifest_path"]).parent.iterdir()):
        if not file.is_file() or not re.match("licen[sc]e|copying|copyright|notice", file.name, re.I):
            continue
        for line in file.read_text(errors="replace").splitlines():
            match = re.match(r"\W*copyright\s+(?:\(c\)|©)?\s*((?:\d{4}|the\b).*[a-z].*)", line.strip(), re.I)
            if match and match[1] not in found:
                found.append(match[1])
    return found or crate["authors"] or [f"the developers of {crate['name']}"]


def debian_license(crate):
    """The crate's license expression in Debian's syntax, such as "Expat or Apache-2.0"."""
    expression = (crate["license"] or "").replace("/", " OR ")
    if not expression:
        sys.exit(f"{crate['name']} {crate['version']} names no license")
    # A license with an exception is one of several to choose from. The others need no text of the exception.
    if " OR " in expression and "(" not in expression:
        expression = " OR ".join(choice for choice in expression.split(" OR ") if " WITH " not in choice)
    # Debian's syntax has a comma where SPDX has parentheses: the words after it apply to all that is before.
    expression = re.sub(r"^\((.*)\) AND ", r"\1, AND ", expression)
    words = re.sub(r"[()]", "", expression).split()
    words = [{"OR": "or", "AND": "and"}.get(word, word) for word in words]
    return " ".join(DEBIAN_NAMES.get(word.rstrip(","), word.rstrip(",")) + ("," if word.endswith(",") else "")
                    for word in words)


def field(text):
    """The lines of a field's value: indented, and a period where a line is empty."""
    return "\n".join(" " + (line.rstrip() or ".") for line in text.strip().splitlines())


def stanza(files, copyright_lines, license_name):
    return f"Files: {files}\nCopyright: " + "\n           ".join(copyright_lines) + f"\nLicense: {license_name}"


def license_text(name):
    if name == "Apache-2.0":
        return APACHE
    if not (LICENSES / name).is_file():
        sys.exit(f"packaging/licenses has no text of the license {name}")
    return (LICENSES / name).read_text()


def main(feature):
    own = (ROOT / "LICENSE").read_text().strip().split("\n\n")
    own_holder = next(p for p in own if p.startswith("Copyright")).removeprefix("Copyright (c) ")
    own_text = "\n\n".join(textwrap.fill(p, 100) for p in own if p.startswith(("Permission", "IN NO", "THE IMP")))
    stanzas = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: impossible_travel\n"
        "Comment: The library contains the crates and the parts of Rust's standard library that are listed here.",
        stanza("*", [own_holder.replace(", ", " ", 1)], "PostgreSQL") + "\n" + field(own_text),
    ]
    stanzas.append(
        stanza("src/map/world.json", ["none, made of the maps of Natural Earth"], "public-domain") + "\n"
        + field(NATURAL_EARTH))
    used = set()
    entries = [(f"vendor/{c['name']}-{c['version']}/*", holders(c), debian_license(c)) for c in linked_crates(feature)]
    for files, names, license_name in entries + STANDARD_LIBRARY:
        stanzas.append(stanza(files, names, license_name))
        used.update(word.rstrip(",") for word in license_name.split() if word.rstrip(",") not in ("or", "and"))
    stanzas += [f"License: {name}\n{field(license_text(name))}" for name in sorted(used)]
    print("\n\n".join(stanzas))


if len(sys.argv) != 2:
    sys.exit("usage: packaging/copyright.py FEATURE")
main(sys.argv[1])
