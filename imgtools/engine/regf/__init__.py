"""Registry hives, changed in memory: their cells, their keys, and the whole of one written anew.

Own code: hivex, the only library that writes hives, cannot store values above 16,344 bytes as Windows does, never uses
a freed cell again, and sets no time (docs/decisions/hives-are-written-by-us.md). What is written here is read back by
hivex. Source: "Windows registry file format specification" (github.com/msuhanov/regf).
"""
