"""`export`: a notebook, run from top to bottom, as one page that needs neither a kernel nor a network."""

from __future__ import annotations

import base64
from pathlib import Path  # noqa: TC003  # cyclopts reads the annotations
from typing import Any

from metronome_analytics.cli.printing import say, screen
from metronome_analytics.errors import ArgumentError, ConfigurationError, MetronomeError
from metronome_analytics.extras import need
from metronome_analytics.folder import writable
from metronome_analytics.wording import one_line

# What a page would ask other machines for, by the exporter's own names.
_SCRIPTS = ("require_js_url", "mathjax_url", "mermaid_js_url", "jquery_url")


def export(notebook: Path, *, out: Path | None = None) -> None:
    """Run a notebook and write one page: charts as pictures, widgets as what was chosen, nothing asked of a network.

    The notebook itself stays as it is.

    Example: metronome-analytics export month.ipynb --out month.html

    Parameters
    ----------
    notebook
        The notebook to run, in the folder it is in.
    out
        The page to write; beside the notebook unless given.
    """
    need("notebook")
    import nbformat  # noqa: PLC0415  # an extra, and slow to import
    from jupyter_client.kernelspec import NoSuchKernel  # noqa: PLC0415  # as above
    from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: PLC0415  # as above

    page = notebook.with_suffix(".html") if out is None else out
    try:
        cells: Any = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
    except FileNotFoundError:
        raise ArgumentError(f"{notebook} is not there.") from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ArgumentError(f"{notebook} is no notebook: {one_line(str(error))}") from None
    writable(page)
    try:
        html = _exported(cells, notebook.resolve().parent)
    except CellExecutionError as error:
        raise MetronomeError(
            f"A cell of {notebook} stopped with {error.ename}: {one_line(error.evalue)}",
            advice="Run it in Jupyter to see which; no page was written.",
        ) from None
    except (DeadKernelError, NoSuchKernel) as error:
        raise ConfigurationError(f"The kernel of {notebook} cannot run: {one_line(str(error))}") from None
    page.write_text(html, encoding="utf-8")
    say(screen(), f"Wrote {page} ({len(html.encode()) / 1e6:,.1f} MB).")


def _exported(cells: Any, folder: Path) -> str:
    """The page of `cells`, which are run in `folder`."""
    from nbclient import NotebookClient  # noqa: PLC0415  # an extra, and slow to import
    from nbconvert import HTMLExporter  # noqa: PLC0415  # as above

    # Without the state of widgets a page has nothing to fetch their scripts for, and shows what they left.
    NotebookClient(cells, store_widget_state=False, resources={"metadata": {"path": str(folder)}}).execute()
    exporter: Any = HTMLExporter
    html, _ = exporter(**dict.fromkeys(_SCRIPTS, "")).from_notebook_node(cells)
    return _with_narrow_pictures(str(html), cells)


def _with_narrow_pictures(html: str, cells: Any) -> str:
    """The page with a second picture of each chart of ours, for a narrow window."""
    from metronome_analytics.charts.fitting import NARROW, follows  # noqa: PLC0415  # slow to import
    from metronome_analytics.charts.showing import LIVE, PICTURE, picture  # noqa: PLC0415  # as above
    from metronome_analytics.reports.style import NARROW_PAGE  # noqa: PLC0415  # as above

    done = 0
    for output in (each for cell in cells.cells for each in cell.get("outputs", ())):
        data = output.get("data", {})
        if PICTURE in data and follows(data.get(LIVE, {})):
            narrow = base64.b64encode(picture(data[LIVE], NARROW)).decode("ascii")
            source = f'<source media="(max-width: {NARROW_PAGE}px)" srcset="data:{PICTURE};base64,{narrow}">'
            at = html.find(f"data:{PICTURE};base64,{data[PICTURE].strip()}", done)
            if at < 0:  # an exporter may leave a picture out
                continue
            begin, end = html.rindex("<img", 0, at), html.index(">", at) + 1
            both = f"<picture>{source}{html[begin:end]}</picture>"
            html, done = f"{html[:begin]}{both}{html[end:]}", begin + len(both)
    return html
