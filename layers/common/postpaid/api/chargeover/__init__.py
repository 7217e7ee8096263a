"""ChargeOver's API v3, as its clients speak it.

Facts in comments are from its documentation, its libraries and recorded answers of the service.
"""
