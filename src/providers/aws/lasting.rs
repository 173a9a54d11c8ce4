//! What EC2 Fleets and Spot Fleets that launch by themselves have in common: the components, which differ by type alone.
//!
//! The module that makes its ways with [`lasting_ways`] has `make`, `find`, `progress`, `shrink`, `remove`, `leftovers` and
//! `sweep`. A fleet of type `request` cannot be changed, so it is held by removing it, and what it was still to bring is given
//! up with it; one of type `maintain` is shrunk.

/// Makes a component for each type of fleet.
macro_rules! lasting_ways {
    ($($(#[$doc:meta])* $name:ident = $api:ident of $kind:ident;)*) => {$(
        $(#[$doc])*
        #[derive(shaku::Component)]
        #[shaku(interface = Fulfilment)]
        pub struct $name {
            #[shaku(inject)]
            pub(super) clients: Arc<dyn ClientSource>,
        }

        impl shaku::Keyed for $name {
            type KeyType = ProviderApi;
            const KEY: ProviderApi = ProviderApi::$api;
        }

        #[async_trait]
        impl Fulfilment for $name {
            async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
                prepare::of_fleet(self.clients.clients().await?, self.clients.settings(), template, owner).await
            }

            async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
                Box::pin(make(self.clients.as_ref(), FleetType::$kind, launch)).await
            }

            async fn rehearse(&self, launch: Launch<'_>, check: bool) -> Result<Rehearsal, ProviderError> {
                rehearsal::of(self.clients.as_ref(), check, |clients| async move { Self { clients }.acquire(launch).await }).await
            }

            async fn recall(&self, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
                find(self.clients.as_ref(), launch).await
            }

            async fn progress(&self, resource: &str) -> Result<Progress, ProviderError> {
                progress(self.clients.as_ref(), resource).await
            }

            async fn hold(&self, resource: &str, keep: Keep) -> Result<Hold, ProviderError> {
                match FleetType::$kind {
                    FleetType::Maintain => shrink(self.clients.as_ref(), resource, keep).await,
                    _ => remove(self.clients.as_ref(), resource).await.map(|()| Hold::Holds),
                }
            }

            async fn release(&self, _: Option<&str>, hosts: &[MachineId]) -> Released {
                terminate::release(self.clients.as_ref(), hosts).await
            }

            async fn retire(&self, resource: &str) -> Result<(), ProviderError> {
                remove(self.clients.as_ref(), resource).await
            }

            async fn leftovers(&self) -> Result<Vec<Leftover>, ProviderError> {
                leftovers(self.clients.as_ref(), &FleetType::$kind).await
            }

            async fn sweep(&self, installation: &InstallationId) -> Result<(), ProviderError> {
                sweep(self.clients.as_ref(), installation, ProviderApi::$api).await
            }
        }
    )*};
}

pub(super) use lasting_ways;
