"""Scores: how likely two records that no rule linked are the same thing.

The model is Fellegi and Sunter's, computed by Splink (an extra). Its numbers are trained
apart from their use: some ship, `concord train` learns an installation's own.

    features    what of a record is compared
    levels      how it is compared: the ways in which two records agree or differ
    numbers     what each of them counts: trained, kept in a file
    scorer      pairs scored, and numbers trained, by Splink on DuckDB
"""
