"""Tables on a phone: each cell carries the heading of its column, so that CSS can stack the cells of a row.

Done to the finished page, because a heading that is written once in a template cannot drift from what its cells say.
"""

import re

from flask import Response

from bridge.web.console.blueprint import blueprint

TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
ROW = re.compile(r"<tr\b[^>]*>.*?</tr>", re.DOTALL)
CELL = re.compile(r"<td\b(?![^>]*\bcolspan=)")
TAG = re.compile(r"<[^>]*>")


@blueprint.after_request
def stack(answer: Response) -> Response:
    """Label the cells of every table of a page."""
    if answer.mimetype == "text/html" and not answer.direct_passthrough:
        answer.set_data(labelled(answer.get_data(as_text=True)))
    return answer


def labelled(page: str) -> str:
    """Return the page with `data-label` on the cells of its tables. A cell over several columns has no label."""
    return TABLE.sub(lambda table: _label(table[0]), page)


def _label(table: str) -> str:
    head, body, rest = table.partition("<tbody>")
    names = [TAG.sub("", text).strip().replace('"', "&quot;") for text in HEADING.findall(head)]

    def row(found: re.Match[str]) -> str:
        columns = iter(names)
        return CELL.sub(lambda _cell: f'<td data-label="{next(columns, "")}"', found[0])

    return head + body + ROW.sub(row, rest)
