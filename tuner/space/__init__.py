"""What a study may try: parameters, their ranges and conditions."""
