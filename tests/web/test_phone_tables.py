"""Cells carry the heading of their column, for those who read on a phone."""

from bridge.web.console.phone_tables import labelled

TABLE = '<table><thead><tr><th class="n">Run</th><th>What <b>it</b> is</th></tr></thead><tbody>{}</tbody></table>'


def test_each_cell_says_what_it_is():
    page = labelled(TABLE.format('<tr><td class="n">1</td><td>x</td></tr>'))
    assert '<td data-label="Run" class="n">1</td><td data-label="What it is">x</td>' in page


def test_each_row_begins_anew():
    page = labelled(TABLE.format("<tr><td>1</td></tr><tr><td>2</td></tr>"))
    assert page.count('<td data-label="Run">') == 2


def test_a_cell_over_the_whole_row_and_one_too_many_have_no_heading():
    page = labelled(TABLE.format('<tr><td colspan="2">Nothing yet.</td></tr><tr><td>1</td><td>2</td><td>3</td></tr>'))
    assert '<td colspan="2">Nothing yet.' in page
    assert '<td data-label="">3' in page


def test_a_quotation_mark_ends_no_attribute():
    assert 'data-label="a &quot;b&quot;"' in labelled(
        '<table><thead><tr><th>a "b"</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    )


def test_what_is_no_table_stays_as_it_is():
    assert labelled("<p>a <td> b</p>") == "<p>a <td> b</p>"
