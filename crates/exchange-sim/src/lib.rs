//! A simulated Exchange server to develop and test against
