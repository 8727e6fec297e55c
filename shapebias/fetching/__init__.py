"""Published data by name: where it is published, whether it is on this machine, and how to fetch it."""

from shapebias.fetching.data_folder import data_folder
from shapebias.fetching.locating import LocalData, fetch_source, local_data, published
from shapebias.fetching.sources import Archive, Source, read_sources

__all__ = ["Archive", "LocalData", "Source", "data_folder", "fetch_source", "local_data", "published", "read_sources"]
