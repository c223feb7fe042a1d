"""What a clinician sees: routes, templates, one style sheet, one script, translations.

Every page is whole without a script. Routes per screen; `gate` decides who may pass,
`security` sets what every answer carries, `errors` is the one place where an error
becomes a page or a JSON body.
"""
