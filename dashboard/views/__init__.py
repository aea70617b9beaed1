"""Pure functions from a reading to HTML strings, one file per region of the page."""
