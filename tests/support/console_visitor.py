"""Somebody who uses the console without scripts: follows links, unfolds, fills forms, and counts actions."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit


@dataclass
class Form:
    """What a form sends: its hidden and prefilled fields, its boxes, its buttons."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    boxes: dict[str, tuple[str, str, bool]] = field(default_factory=dict)  # label → name, value, ticked
    typed: dict[str, str] = field(default_factory=dict)  # what can be typed or chosen, with what stands there
    buttons: dict[str, tuple[str, str, bool]] = field(default_factory=dict)  # text → name, value, folded away


class Page(HTMLParser):
    """The links, forms and text of a page, as far as a visitor can reach them."""

    def __init__(self, html):
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self.text = ""
        self._form = self._link = self._button = None
        self._select = ""
        self._details: list[bool] = []  # those that we are in, and whether each is folded
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a" and "href" in given:
            self._link = [given["href"], given.get("aria-label", "")]
        elif tag == "details":
            self._details.append("open" not in given)
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and given.get("name"):
            self._input(given)
        elif tag == "select" and self._form is not None and given.get("name"):
            self._select = given["name"]
        elif tag == "option" and self._select:
            if self._select not in self._form.typed or "selected" in given:
                self._form.typed[self._select] = given.get("value", "")
        elif tag == "button" and self._form is not None:
            self._button = [given.get("name", ""), given.get("value", ""), ""]

    def _input(self, given):
        kind = given.get("type", "text")
        if kind == "checkbox":
            told = given.get("aria-label", given.get("value", ""))
            self._form.boxes[told] = (given["name"], given.get("value", "on"), "checked" in given)
        elif kind == "hidden":
            self._form.fields.append((given["name"], given.get("value", "")))
        else:
            self._form.typed[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag):
        if tag == "a" and self._link is not None:
            self.links.append((self._link[1].strip(), self._link[0]))
            self._link = None
        elif tag == "button" and self._button is not None:
            name, value, text = self._button
            self._form.buttons[text.strip()] = (name, value, any(self._details))
            self._button = None
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "details":
            self._details.pop()

    def handle_data(self, data):
        self.text += data
        if self._link is not None:
            self._link[1] += data
        if self._button is not None:
            self._button[2] += data


class Visitor:
    """Begins at the start page. Each click, each tick, and each word that is typed and sent is one action."""

    def __init__(self, browser):
        self.browser = browser
        self.actions = 0
        self._read("/", browser.get("/"))

    def _read(self, path, answer):
        while answer.status_code in {302, 303}:
            path = urljoin(path, answer.headers["Location"])
            answer = self.browser.get(path)
        assert answer.status_code == 200, (path, answer.get_data(as_text=True)[:500])
        self.path, self.page = path, Page(answer.get_data(as_text=True))

    def follow(self, text):
        """Click the first link that has this in its text."""
        target = next(href for told, href in self.page.links if text in told)
        self.actions += 1
        path = urljoin(self.path, target)
        self._read(path, self.browser.get(path))

    def search(self, words):
        """Type in the header's search and press Enter."""
        form = next(one for one in self.page.forms if one.action == "/search")
        self.actions += 1
        self._read("/search", self.browser.get(f"{form.action}?q={words}"))

    def press(self, button, *, tick=(), **typed):
        """Open what is folded, tick these boxes, and press the button; each is an action."""
        form = next(one for one in self.page.forms if any(button in text for text in one.buttons))
        unknown = set(typed) - set(form.typed)
        assert not unknown, f"the form has no {unknown}"
        name, value, folded = next(found for text, found in form.buttons.items() if button in text)
        chosen = [one for told, one in form.boxes.items() if one[2] or any(word in told for word in tick)]
        filled = form.typed | typed
        sent = [
            *form.fields,
            *((one[0], one[1]) for one in chosen),
            *filled.items(),
            *([(name, value)] if name else []),
        ]
        self.actions += 1 + len(tick) + folded
        data = {}
        for key, each in sent:
            data.setdefault(key, []).append(each)
        path = urljoin(self.path, form.action or urlsplit(self.path).path)
        self._read(path, self.browser.http.post(path, data=data))
