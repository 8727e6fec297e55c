"""Results for people: figures for a paper, a page for a browser, a comparison; see ``docs/report.md``."""
