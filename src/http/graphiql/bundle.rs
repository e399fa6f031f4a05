//! Takes GraphiQL's bundle apart.
//!
//! The bundle is one JavaScript module of constants, each a JSON string on a line of its own:
//!
//! ```text
//! export const js = "(function(…";
//! export const css = ".monaco-action-bar{…";
//! ```
//!
//! Nothing of it is run here: the strings are unquoted and served as files of their own, so that the page needs no inline
//! script and its content security policy no exception for one. Its icon is passed over, the page has ours.

/// The files inside the bundle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// GraphiQL as a classic script; it defines the global `YogaGraphiQL`.
    pub(super) script: String,
    /// Its style sheet, with its fonts and pictures inside as `data:` addresses.
    pub(super) style: String,
    /// The worker of the text editor.
    pub(super) editor_worker: String,
    /// The worker that completes and checks GraphQL documents.
    pub(super) graphql_worker: String,
    /// The worker that checks the variables.
    pub(super) json_worker: String,
}

/// Splits the text of the bundle into its files.
///
/// # Errors
/// Says which constant is missing, given twice or not a JSON string. Constants of other names are passed over.
pub(super) fn split(source: &str) -> Result<Bundle, String> {
    let find = |name: &str| {
        let start = format!("export const {name} = ");
        let mut values = source.lines().filter_map(|line| line.strip_prefix(start.as_str()));
        let value = values.next().ok_or_else(|| format!("the bundle has no `{name}`"))?;
        if values.next().is_some() {
            return Err(format!("the bundle has `{name}` more than once"));
        }
        let value = value.trim_end();
        serde_json::from_str(value.strip_suffix(';').unwrap_or(value))
            .map_err(|error| format!("`{name}` of the bundle is not a JSON string: {error}"))
    };
    Ok(Bundle {
        script: find("js")?,
        style: find("css")?,
        editor_worker: find("editorWorkerService")?,
        graphql_worker: find("graphqlWorker")?,
        json_worker: find("jsonWorker")?,
    })
}

#[cfg(test)]
mod tests {
    use super::split;

    const SOURCE: &str = r#"export const js = "(() => {\n  \"use strict\";\n})();\n";
export const css = "a::before{content:\"\\201c\"}";
export const favicon = "data:image/x-icon;base64,AAAB";
export const editorWorkerService = "/* editor; */";
export const jsonWorker = "/* json \u2014 ü */"
export const graphqlWorker = "export const js = 1;\nexport const css = 2;";
"#;

    #[test]
    fn each_constant_becomes_a_file() {
        let bundle = split(SOURCE).expect("a well-formed bundle");
        assert_eq!(bundle.script, "(() => {\n  \"use strict\";\n})();\n");
        assert_eq!(bundle.style, "a::before{content:\"\\201c\"}");
        assert_eq!(bundle.editor_worker, "/* editor; */");
        assert_eq!(bundle.json_worker, "/* json — ü */");
        assert_eq!(bundle.graphql_worker, "export const js = 1;\nexport const css = 2;");
    }

    #[test]
    fn a_bundle_of_another_shape_is_refused_by_name() {
        let missing = SOURCE.replace("export const css", "export let css");
        assert_eq!(split(&missing), Err("the bundle has no `css`".to_owned()));

        let twice = format!("{SOURCE}export const js = \"\";\n");
        assert_eq!(split(&twice), Err("the bundle has `js` more than once".to_owned()));

        let unquoted = SOURCE.replace("\"/* editor; */\"", "`/* editor; */`");
        let error = split(&unquoted).expect_err("a template literal is not JSON");
        assert!(error.starts_with("`editorWorkerService` of the bundle is not a JSON string"), "{error}");
    }
}
