"""Figures on one shared column source. Python builds them once; from then on `assets/desk/` draws in the browser.

Everything the browser owns is made with `syncable=False`, so that following, panning and hovering send nothing back.
"""
