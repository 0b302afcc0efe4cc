"""One module a row: the same work, spelled for each tool."""
