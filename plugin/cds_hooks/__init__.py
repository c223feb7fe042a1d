"""The CDS service: a quiet card in the chart, when a group is worth a thought.

`routes` takes what arrives. `admission` lets it in: `callers` says who calls, `call`
what is asked, `prefetched` what came along. `deciding` reads on where it must
(`fetching`) and has `advice` say what is worth saying; `cards` puts it into words,
`desk` answers and `shown` remembers. `reporting` learns what became of it. Matching
itself is `plugin.matching`.

Source: CDS Hooks 2.0, https://cds-hooks.hl7.org/2.0/; the 3.0 ballot where it differs.
"""
