"""Where the project lives on the web, if anywhere: badges and links to source files depend on it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

BRANCH = "main"  # of the sources
PAGES = "gh-pages"  # the branch that holds the built site, `colab/` included


@dataclass(frozen=True)
class Address:
    """The repository's address, ``""`` as long as it has none."""

    url: str = ""

    @staticmethod
    def of(root: Path, said: str | None = None) -> Address:
        """What was said on the command line, else ``[project.urls] Repository`` of the clone's ``pyproject.toml``.

        Raises:
            ValueError: no web address.
        """
        file = root / "pyproject.toml"
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}) if file.is_file() else {}
        url = (said if said is not None else project.get("urls", {}).get("Repository", "")).removesuffix("/")
        if url and urlparse(url).scheme not in ("http", "https"):
            raise ValueError(f"the address must begin with https://, as a browser shows it; got {url!r}.")
        return Address(url.removesuffix(".git"))

    def file(self, path: str) -> str:
        """The page that shows a file or folder of the repository, ``""`` without an address."""
        return f"{self.url}/blob/{BRANCH}/{path}" if self.url else ""

    def badges(self, notebook: str) -> dict[str, str]:
        """Name -> link of the services that open a notebook, ``notebooks/05_kswgd.ipynb``; they read GitHub alone."""
        place = urlparse(self.url)
        if place.netloc != "github.com":
            return {}
        name = place.path.strip("/")
        return {
            "Colab": f"https://colab.research.google.com/github/{name}/blob/{PAGES}/colab/{notebook}",
            "Binder": f"https://mybinder.org/v2/gh/{name}/{BRANCH}?labpath={notebook}",
        }
