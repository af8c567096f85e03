//! Proxy addresses of Exchange recipients, excluded domains and the merge rule, as pure functions
