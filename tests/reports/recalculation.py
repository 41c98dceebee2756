"""A workbook as LibreOffice computes it: every stored value is taken out first, so that nothing but formulas tells."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl import Workbook

_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>
"""
"""The user's settings of LibreOffice: it recalculates whatever it loads."""

SOFFICE = shutil.which("soffice")


def recalculated(path: Path, folder: Path) -> Workbook:
    """The workbook at `path` with the values that LibreOffice gives its formulas."""
    bare, profile = folder / "bare.xlsx", folder / "profile" / "user"
    _without_values(path, bare)
    profile.mkdir(parents=True)
    (profile / "registrymodifications.xcu").write_text(_ALWAYS, "utf-8")
    command = [str(SOFFICE), f"-env:UserInstallation={profile.parent.as_uri()}", "--headless", "--convert-to", "xlsx"]
    done = folder / "done"
    subprocess.run([*command, "--outdir", str(done), str(bare)], check=True, capture_output=True, timeout=300)
    return openpyxl.load_workbook(done / bare.name, data_only=True)


def _without_values(path: Path, bare: Path) -> None:
    with ZipFile(path) as book, ZipFile(bare, "w", ZIP_DEFLATED) as copy:
        for part in book.namelist():
            text = book.read(part)
            if part.startswith("xl/worksheets/sheet"):
                text = re.sub(rb"</f><v>[^<]*</v>", b"</f>", text)
            copy.writestr(part, text)
