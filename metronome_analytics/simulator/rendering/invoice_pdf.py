"""Prints an invoice: a PDF of one page, of ASCII text only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import text
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.books import Invoice

_LINES = 50
_A4 = "[0 0 595 842]"


def invoice_pdf(item: Invoice) -> str:
    """An invoice as a PDF 1.4 file."""
    return _document(_printed(item))


def _printed(item: Invoice) -> list[str]:
    """The lines of text of an invoice; the customer's name, which may need other letters, is not among them."""
    lines = [f"Invoice {item.id}", f"{item.type}, {item.status}"]
    if item.start is not None and item.end is not None:
        lines.append(f"Period {instant(item.start).date()} to {instant(item.end).date()}, the last day excluded")
    lines.append(f"Issued {item.issued_at.date()}")
    lines.append(f"Total {text(item.total)} {item.credit_type.name}")
    for piece in item.pieces():
        product = item.contract.streams[piece.stream].product
        lines.append(f"{product.name}: {text(piece.quantity)} x {text(piece.price)} = {text(piece.amount)}")
    lines.extend(f"{line.product.name}: {text(line.amount)}" for line in item.fixed)
    return lines[:_LINES]


def _document(lines: list[str]) -> str:
    """A PDF 1.4 file that shows lines of ASCII text."""
    shown = " ".join(f"({_escaped(line)}) Tj T*" for line in lines)
    stream = f"BT /F1 10 Tf 14 TL 50 800 Td {shown} ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox {_A4} /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
    )
    written = "%PDF-1.4\n"
    offsets = []
    for place, content in enumerate(objects, start=1):
        offsets.append(len(written))
        written += f"{place} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF\n"
    return f"{written}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}"


def _escaped(line: str) -> str:
    ascii_only = line.encode("ascii", "replace").decode()
    return ascii_only.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
