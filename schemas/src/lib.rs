//! Sealpost's messages: the contract with producers in any language.
