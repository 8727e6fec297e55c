"""Published data by name: where it comes from, whether it is here, and fetching it where it is not."""

from shapebias.fetching.data_folder import data_folder
from shapebias.fetching.ensuring import Held, fetch_source, held, published
from shapebias.fetching.sources import Archive, Source, read_sources

__all__ = ["Archive", "Held", "Source", "data_folder", "fetch_source", "held", "published", "read_sources"]
