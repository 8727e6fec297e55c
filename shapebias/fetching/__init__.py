"""Published data by name: where they are published, whether they are on this machine, and how to fetch them."""

from shapebias.fetching.data_folder import data_folder
from shapebias.fetching.locating import LocalData, fetch_source, local_data, published
from shapebias.fetching.sources import Archive, Source, read_sources

__all__ = ["Archive", "LocalData", "Source", "data_folder", "fetch_source", "local_data", "published", "read_sources"]
