"""`python -m duet.static build <outdir>`: write the files under their hashed names, and manifest.json."""

import json
import shutil
import sys
from pathlib import Path

from duet.assets import DIRECTORY, hashed_names


def build(directory: Path) -> dict[str, str]:
    """Write all files and the manifest into `directory`, made when missing; return the manifest."""
    directory.mkdir(parents=True, exist_ok=True)
    names = hashed_names()
    for name, hashed in names.items():
        shutil.copyfile(DIRECTORY / name, directory / hashed)
    (directory / "manifest.json").write_text(json.dumps(names, indent=2, sort_keys=True) + "\n")
    return names


def main(arguments: list[str]) -> int:
    """The command; 2 when it is not used as it is meant."""
    match arguments:
        case ["build", directory]:
            build(Path(directory))
            return 0
        case _:
            print("usage: python -m duet.static build <outdir>", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
