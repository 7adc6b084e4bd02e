"""A report as one page of HTML that holds all it needs: style, program, charts. No request leaves it."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tuner.report.chart import data_rows
from tuner.report.document import Document
from tuner.report.plotly_figures import figure_json, plotly_script


def html_page(document: Document) -> str:
    """Return a document as a page; names in it are text, whatever they contain.

    The page's policy lets the two scripts run that are part of it, by their hashes, and no connection be made.
    """
    environment = Environment(
        loader=PackageLoader("tuner.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    scripts = [_script(plotly_script()), _script(_template("report.js"))]
    return environment.get_template("report.html.j2").render(
        document=document,
        style=Markup(_template("report.css")),
        scripts=[Markup(script) for script in scripts],
        hashes=[_hash(script) for script in scripts],
        figure_json=lambda chart: Markup(figure_json(chart)),
        data_rows=data_rows,
    )


def _template(name: str) -> str:
    return (files("tuner.report") / "templates" / name).read_text(encoding="utf-8")


def _script(text: str) -> str:
    """Return a program whose end a browser cannot mistake for the element's."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    """Return the hash by which a page's policy knows a script."""
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"
