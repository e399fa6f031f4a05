use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_graphql::SimpleObject;
use tokio::sync::OnceCell;

use super::label::access;
use crate::error::AppError;
use crate::kernel::Permission;
use crate::tenancy::MAX_COUNT;

/// Where a page stands in its list. See the Relay cursor connections specification.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct PageInfo {
    /// Whether the list goes on behind this page.
    pub has_next_page: bool,
    /// Whether the list has something in front of this page.
    pub has_previous_page: bool,
    /// Cursor of the first item, null on an empty page.
    pub start_cursor: Option<String>,
    /// Cursor of the last item, null on an empty page.
    pub end_cursor: Option<String>,
}

type Counted = Pin<Box<dyn Future<Output = Result<u64, AppError>> + Send>>;

/// Counts a list when somebody asks how long it is, once, and up to [`MAX_COUNT`].
#[derive(Clone)]
pub struct TotalCount {
    count: Arc<dyn Fn() -> Counted + Send + Sync>,
    counted: Arc<OnceCell<u64>>,
}

impl TotalCount {
    /// Counts with `count`, which need not count further than one more than [`MAX_COUNT`].
    pub fn new<F: Future<Output = Result<u64, AppError>> + Send + 'static>(
        count: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self { count: Arc::new(move || Box::pin(count())), counted: Arc::default() }
    }

    /// The length of the list, at most [`MAX_COUNT`].
    ///
    /// # Errors
    /// As the count.
    pub async fn get(&self) -> Result<u64, AppError> {
        Ok(self.counted().await?.min(MAX_COUNT))
    }

    /// Whether the list is longer than [`TotalCount::get`] says.
    ///
    /// # Errors
    /// As the count.
    pub async fn is_capped(&self) -> Result<bool, AppError> {
        Ok(self.counted().await? > MAX_COUNT)
    }

    async fn counted(&self) -> Result<u64, AppError> {
        self.counted.get_or_try_init(|| (self.count)()).await.copied()
    }
}

impl fmt::Debug for TotalCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotalCount")
    }
}

/// Declares the connection and the edge of a node type, both with the label of the node.
///
/// async-graphql's own `Connection` has no place for a label, and makes every cursor whether asked for or not.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty, $needs:ident, $items:literal) => {
        #[doc = concat!("A page of a list of ", $items, ".")]
        #[derive(Clone, Debug)]
        pub struct $connection {
            page: $crate::tenancy::Page<$node>,
            list: &'static str,
            sort_key: fn(&$node) -> $crate::tenancy::SortKey,
            total: $crate::graphql::TotalCount,
        }

        impl $connection {
            /// A page of the list named `list`, sorted by `sort_key`, whose length `total` counts.
            pub fn new(
                page: $crate::tenancy::Page<$node>,
                list: &'static str,
                sort_key: fn(&$node) -> $crate::tenancy::SortKey,
                total: $crate::graphql::TotalCount,
            ) -> Self {
                Self { page, list, sort_key, total }
            }

            fn cursor(&self, ctx: &async_graphql::Context<'_>, node: &$node) -> async_graphql::Result<String> {
                let cursors = ctx.data::<$crate::graphql::Cursors>()?;
                Ok(cursors.seal($crate::graphql::scope(ctx)?.hospital_id(), self.list, &(self.sort_key)(node)))
            }
        }

        #[doc = concat!("A page of a list of ", $items, ".")]
        #[async_graphql::Object(directive = $crate::graphql::label::access::apply($crate::kernel::Permission::$needs))]
        impl $connection {
            /// The items of the page with their cursors.
            async fn edges(&self, ctx: &async_graphql::Context<'_>) -> async_graphql::Result<Vec<$edge>> {
                let edge = |node: &$node| Ok($edge { cursor: self.cursor(ctx, node)?, node: node.clone() });
                self.page.rows.iter().map(edge).collect()
            }

            /// The items of the page.
            async fn nodes(&self) -> &[$node] {
                &self.page.rows
            }

            /// Where the page stands in the list.
            async fn page_info(
                &self,
                ctx: &async_graphql::Context<'_>,
            ) -> async_graphql::Result<$crate::graphql::PageInfo> {
                let cursor = |node: Option<&$node>| node.map(|node| self.cursor(ctx, node)).transpose();
                Ok($crate::graphql::PageInfo {
                    has_next_page: self.page.has_next,
                    has_previous_page: self.page.has_previous,
                    start_cursor: cursor(self.page.rows.first())?,
                    end_cursor: cursor(self.page.rows.last())?,
                })
            }

            /// How many items the whole list has, counted up to 10,000. It is counted only when asked for, and counting takes longer than reading a page.
            async fn total_count(&self) -> async_graphql::Result<u64> {
                Ok(self.total.get().await?)
            }

            /// Whether the list has more items than `totalCount` says.
            async fn total_count_is_capped(&self) -> async_graphql::Result<bool> {
                Ok(self.total.is_capped().await?)
            }
        }

        #[doc = concat!("One item of a list of ", $items, ", and its place there.")]
        #[derive(Clone, Debug, async_graphql::SimpleObject)]
        #[graphql(directive = $crate::graphql::label::access::apply($crate::kernel::Permission::$needs))]
        pub struct $edge {
            /// Where the item stands in the list: an opaque text for `after` and `before`.
            cursor: String,
            /// The item.
            node: $node,
        }
    };
}
pub(crate) use connection;
