"""What a hospital needs to run the app, and an EHR to try it with."""
