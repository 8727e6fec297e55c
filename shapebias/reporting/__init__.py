"""Results for people: figures for a paper, one page for a browser, what changed; see ``docs/report.md``."""
