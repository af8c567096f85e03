//! Requests and answers of the Exchange Online admin API
