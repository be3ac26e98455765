//! TrustedLogin's dialect below `/api/v1/`: translates, and calls the domains. For now the one call that the support
//! plugins of 2019 make.

pub mod http;
