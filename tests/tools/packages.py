"""Small packages that tests write, to be looked at as the course's own is."""


def written(root, files):
    """Write the files of a package `normcourse` below a folder, and return the folder."""
    for name, text in files.items():
        path = root / "normcourse" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
