"""smolvlm-tools: SmolVLM on your own machine; images and text in, typed answers out.

    >>> from smolvlm_tools import SmolVLM
    >>> with SmolVLM.load("embedded") as vlm:
    ...     print(vlm.ask("examples/images/shapes.png", "What color is the circle?").text)
    red

The public names are listed in `__init__.pyi`. Each is imported when it is first used, so
`import smolvlm_tools` costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
