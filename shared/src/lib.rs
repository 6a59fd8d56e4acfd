//! What two Sealpost processes must agree on.
