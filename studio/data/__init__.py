"""Rows in and out: files to new rows, rows to files, checks on rows. Knows no store and no page.

A file is read in four steps, each in its own place: bytes to text (``text``), text to records
(``containers``), columns to fields (``mapping``, ``layout``), fields to a body (``bodies``).
"""
