//! `/login`: the field for a token.

use maud::html;

use super::plain;
use crate::context::Context;
use crate::layout::hidden;
use crate::route::Rendered;

pub(crate) fn page(context: &Context<'_>) -> Rendered {
    let return_to = context.query("return_to").unwrap_or("/");
    let body = html! {
        div.login {
            h1 { "Log in" }
            @if context.query("failed").is_some() { p.note role="alert" { "The token is not valid, or it has ended." } }
            form method="post" action="/act/login" {
                (hidden(context.session(), return_to))
                label { "Token" input type="password" name="token" required autocomplete="current-password" spellcheck="false"; }
                button.primary type="submit" { "Log in" }
            }
            p.muted { "The operator of the sensor makes tokens." }
        }
    };
    plain("Log in", "", body)
}
