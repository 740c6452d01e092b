//! Alerts on a map. [`feature_collection`] is a part of `travel.alert_geojson`. This module is `travel.map_html`: the alerts
//! on a map of the world, as one HTML page that loads nothing from the network.
//!
//! | file | what it holds |
//! |---|---|
//! | `page.html` | the frame of the page, with a place for each of the other files |
//! | `page.css`, `page.js` | how the page looks, and the script that draws it |
//! | `world.json` | the outlines of land and borders, which `scripts/world-outlines.py` makes of Natural Earth's data |
//! | `data.sql` | the query that reads everything that the page shows, as one JSON document |
//!
//! What a user can influence is only in the JSON document. The script sets it as text, never as markup, and the document
//! cannot end its element, because it contains no `<`. A Content-Security-Policy allows this style and this script, by
//! their digests, and nothing else: no other script, and no request.

mod feature_collection;

use crate::pg::errors::{RuleError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::spi::{self, Argument};
use crate::rules;
use pgrx::pg_sys;
use travel_core::hidden::is_hidden;

pg_function!(travel_map_html, pg_finfo_travel_map_html, map_html);

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const WORLD: &str = include_str!("world.json");
const DATA: &str = include_str!("data.sql");

/// The alerts that the list and the map show at most, the newest first.
const MOST_ALERTS: i64 = 500;

/// `(rule, since) -> text`
fn map_html(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (rule, since) = (call.text(0)?, call.timestamp(1));
    let page = spi::connected(|| {
        if let Some(rule) = rule {
            must_be_known(rule)?;
        }
        let arguments = [Argument::optional_text(rule), Argument::time(since), Argument::bigint(MOST_ALERTS)];
        // Compiling this large query can take more than a second, and PostgreSQL cannot cancel a compilation.
        let data = spi::with_settings(&[(c"jit", c"off")], || spi::select_text(DATA, &arguments))?;
        let data = without_markup(&data.unwrap_or_default());
        let (style_hash, script_hash) = (digest(STYLE)?, digest(SCRIPT)?);
        Ok::<_, TravelError>(filled(|place| match place {
            "style" => STYLE,
            "style hash" => &style_hash,
            "script" => SCRIPT,
            "script hash" => &script_hash,
            "world" => WORLD,
            "data" => &data,
            _ => "",
        }))
    })?;
    Ok(varlena(page.as_bytes()))
}

/// A rule that was deleted is known as long as it has alerts.
fn must_be_known(rule: &str) -> Result<(), TravelError> {
    const KNOWN: &str = "SELECT 'yes' WHERE EXISTS (SELECT FROM travel.rules WHERE name = $1)
                                         OR EXISTS (SELECT FROM travel.alerts WHERE rule = $1)";
    match spi::select_text(KNOWN, &[Argument::text(rule)])? {
        Some(_) => Ok(()),
        None => Err(RuleError::NotFound { name: rule.to_owned(), known: rules::names() }.into()),
    }
}

/// The digest of an element's text as a Content-Security-Policy names it.
fn digest(text: &str) -> Result<String, TravelError> {
    const DIGEST: &str =
        "SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8')), 'base64')";
    Ok(spi::select_text(DIGEST, &[Argument::text(text)])?.unwrap_or_default())
}

/// JSON without the characters that HTML gives a meaning, which occur only inside its strings. Characters that cannot be
/// seen, or that change the direction of the text around a name, become U+FFFD.
fn without_markup(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            hidden if is_hidden(hidden) => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The page with a text in each of its places. A place is `{{name}}`; what is put in is not searched for places.
fn filled<'a>(text_of: impl Fn(&str) -> &'a str) -> String {
    let mut page =
        String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + WORLD.len() + text_of("data").len());
    let mut rest = PAGE;
    while let Some((before, (place, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        page.push_str(before);
        page.push_str(text_of(place));
        rest = after;
    }
    page.push_str(rest);
    page
}
