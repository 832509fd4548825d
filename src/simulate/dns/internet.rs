//! The addresses of a simulated network, and who is behind each.

use super::authority::NameServer;
use super::listen::Listener;
use super::resolver::Resolver;
use crate::ports::clock::Clock;
use crate::ports::dns::Route;
use crate::simulate::habit::{Habit, Habits};
use hickory_server::proto::rr::LowerName;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// The name servers that there are; clones are one directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory(Arc<RwLock<Vec<NameServer>>>);

impl Directory {
    /// Returns the servers of the zone that is nearest to a name.
    pub(super) fn servers(&self, name: &LowerName) -> Vec<NameServer> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let origins = |server: &NameServer| {
            server.origins().into_iter().filter(|origin| origin.zone_of(name))
        };
        let Some(nearest) = all.iter().flat_map(origins).max_by_key(LowerName::num_labels) else {
            return Vec::new();
        };
        all.iter().filter(|server| origins(server).any(|held| held == nearest)).cloned().collect()
    }

    fn add(&self, server: &NameServer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(server.clone());
    }
}

#[derive(Debug)]
struct Door {
    address: SocketAddr,
    listener: Listener,
    resolver: bool,
}

/// Name servers and resolvers, each at the address that a migration plan or an NS record gives it
/// and listening on loopback. Nothing else can be reached by its [`Route`].
#[derive(Debug)]
pub struct Internet {
    clock: Arc<dyn Clock>,
    habits: Habits,
    directory: Directory,
    doors: Vec<Door>,
}

impl Internet {
    /// Makes one in which there is nobody yet.
    pub fn new(clock: Arc<dyn Clock>, habits: Habits) -> Self {
        Self { clock, habits, directory: Directory::default(), doors: Vec::new() }
    }

    /// Returns the habits of a network in which nothing is out of the ordinary.
    pub fn usual_habits() -> Habits {
        Habits::from([Habit::LaggingSecondaries, Habit::ResolverKeepsTtl, Habit::NegativeCaching])
    }

    /// Makes a name server with these habits, which is not to be reached yet.
    pub fn name_server(&self, name: &str) -> NameServer {
        NameServer::new(name, self.habits.clone())
    }

    /// Makes a resolver with these habits; it asks whoever is added, now or later.
    pub fn resolver(&self) -> Resolver {
        let (directory, clock) = (self.directory.clone(), self.clock.clone());
        Resolver::new(directory, clock, self.habits.clone())
    }

    /// Lets a name server be reached at an address, and resolvers ask it.
    pub async fn add_name_server(
        &mut self,
        address: SocketAddr,
        server: &NameServer,
    ) -> io::Result<()> {
        let listener = Listener::start(server.clone(), 0).await?;
        self.directory.add(server);
        self.doors.push(Door { address, listener, resolver: false });
        Ok(())
    }

    /// Lets a resolver be reached at an address; it is then one of the system's.
    pub async fn add_resolver(
        &mut self,
        address: SocketAddr,
        resolver: &Resolver,
    ) -> io::Result<()> {
        let listener = Listener::start(resolver.clone(), 0).await?;
        self.doors.push(Door { address, listener, resolver: true });
        Ok(())
    }
}

impl Route for Internet {
    fn route(&self, to: SocketAddr) -> Option<SocketAddr> {
        let door = self.doors.iter().find(|door| door.address == to)?;
        Some(door.listener.address())
    }

    fn resolvers(&self) -> Vec<SocketAddr> {
        let resolvers = self.doors.iter().filter(|door| door.resolver);
        resolvers.map(|door| door.address).collect()
    }
}
