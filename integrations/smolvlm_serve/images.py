"""How a request names an image, and where its bytes come from.

file-…                          a file that was sent to /v1/files
img:…, smolvlm://images/…       an image that a tool has loaded
data:…                          the bytes themselves
http://…, https://…             fetched, if the policy lets URLs in
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from smolvlm_tools.images import EncodedImage, ImageSource, read_image
from smolvlm_tools.pages import is_document, open_pages
from smolvlm_tools.tools import ImageStore

from .faults import Fault
from .held_files import PREFIX, HeldFiles

_HANDLES = ("img:", "smolvlm://images/")
_FORMS = "send an https URL, a data URI, a file id (file-…) or a handle (img:…)"


@dataclass(frozen=True, slots=True)
class Images:
    """Where images are looked up."""

    store: ImageStore
    files: HeldFiles

    def find(self, name: str, param: str) -> ImageSource:
        """The source of an image for the engine, which holds it to the policy.

        Raises:
            Fault: no such file, or not one of the forms above.
            ImageNotFound: no such handle.
        """
        if name.startswith(PREFIX):
            return self.files.find(name).data
        if name.startswith(_HANDLES):
            return self.store.load(name).encoded
        if name.lower().startswith(("data:", "http://", "https://")):
            return name
        raise Fault(400, f"{param} is no image: {_FORMS}", "invalid_value", param)

    def named_files(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A tool's arguments with the files that they name by id in them, as data URIs.

        Raises:
            Fault: there is no such file.
        """
        found = dict(arguments)
        if "image" in found:
            found["image"] = self._data_uri(found["image"])
        if isinstance(found.get("images"), list):
            found["images"] = [self._data_uri(each) for each in found["images"]]
        return found

    def _data_uri(self, name: Any) -> Any:
        if not isinstance(name, str) or not name.startswith(PREFIX):
            return name
        data = base64.b64encode(self.files.find(name).data).decode()
        return f"data:;base64,{data}"  # what it is, its bytes say

    def page(self, name: str, number: int, param: str) -> EncodedImage:
        """A page of a document, from 1, as an image; or an image, which is its own only page.

        Blocks while it is read and rendered.

        Raises:
            Fault: there is no such page, or see `find`.
            InputError: it cannot be read.
        """
        if not name.startswith(PREFIX):
            return self.store.load_pages(name, str(number))[0].encoded
        policy = self.store.policy
        encoded = read_image(self.files.find(name).data, policy)
        if not is_document(encoded, policy):
            _check_page(number, 1, param)
            return encoded
        with open_pages(encoded, policy) as pages:
            _check_page(number, len(pages), param)
            return pages.encoded(number)


def _check_page(number: int, pages: int, param: str) -> None:
    if not 1 <= number <= pages:
        text = f"{param}: page {number} of {pages} does not exist"
        raise Fault(400, text, "invalid_value", param)
