"""What the Analysis view shows, computed from stored rows: once for all pages that look at the same, in a thread, after each closed bar.

`rows` are the records that are read, `data` the queries, `watch` the poller; the other files are pure functions. Those that need
compiled libraries are imported by the watch's thread only.
"""
