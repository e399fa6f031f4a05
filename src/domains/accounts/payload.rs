/// Declares the payload of a mutation that gives tokens, with its own fields in front of the user errors.
macro_rules! tokens_payload {
    ($(#[doc = $doc:literal])* $name:ident, $needs:ident { $($(#[doc = $more:literal])* $field:ident: $ty:ty,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Default, async_graphql::SimpleObject)]
        #[graphql(directive = $crate::graphql::label::access::apply($crate::kernel::Permission::$needs))]
        pub struct $name {
            /// Send it with each request as `Authorization: Bearer <accessToken>`. Null unless a session was opened or prolonged.
            access_token: Option<String>,
            /// When the access token stops working.
            expires_at: Option<$crate::graphql::DateTime>,
            /// Send it to `refreshSession` before the access token stops working. It works once. Keep it where only you can
            /// read it: who has it is you. Null unless a session was opened or prolonged.
            refresh_token: Option<String>,
            /// When the session ends unless it is refreshed before.
            refresh_expires_at: Option<$crate::graphql::DateTime>,
            /// Who you are with these tokens.
            viewer: Option<$crate::domains::accounts::ViewerObject>,
            $($(#[doc = $more])* $field: $ty,)*
            /// Why there are no tokens; empty when there are, or when something is still to be chosen or sent.
            user_errors: Vec<$crate::graphql::UserError>,
        }

        impl $name {
            fn opened(opened: $crate::domains::sessions::Opened) -> Self {
                Self {
                    access_token: Some(opened.access.token),
                    expires_at: Some(opened.access.expires_at.into()),
                    refresh_token: Some(opened.refresh.reveal()),
                    refresh_expires_at: Some(opened.refresh_expires_at.into()),
                    viewer: Some($crate::domains::accounts::ViewerObject::new(opened.scope)),
                    ..Self::default()
                }
            }

            fn refused(user_errors: Vec<$crate::graphql::UserError>) -> Self {
                Self { user_errors, ..Self::default() }
            }
        }
    };
}
pub(in crate::domains) use tokens_payload;
