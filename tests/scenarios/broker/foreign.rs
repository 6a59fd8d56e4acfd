//! Messages that no decent producer sends.
