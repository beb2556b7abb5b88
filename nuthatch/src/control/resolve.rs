//! Looks up names of servers: off the data path, and again for each connection.

use std::net::{IpAddr, SocketAddr};

/// The first address of a host, as the system orders them.
pub async fn first_address(host: &str, port: u16) -> Option<SocketAddr> {
    match tokio::net::lookup_host((host, port)).await {
        Ok(mut addresses) => addresses.next(),
        Err(error) => {
            tracing::debug!(host, %error, "a name does not resolve");
            None
        }
    }
}

/// All addresses of a host; none if it has none.
pub async fn all_addresses(host: &str) -> Vec<IpAddr> {
    match tokio::net::lookup_host((host, 0)).await {
        Ok(addresses) => addresses.map(|address| address.ip()).collect(),
        Err(error) => {
            tracing::debug!(host, %error, "a name does not resolve");
            Vec::new()
        }
    }
}
