"""Studies that reproduce tables and figures of the EfficientDet paper; nothing else imports them."""
