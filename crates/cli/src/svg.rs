//! The common frame of all SVG pictures.

use bellwether_base::Shown;

/// The size of a picture, and its margin for the labels of the axes.
pub(crate) const WIDTH: f64 = 720.0;
pub(crate) const HEIGHT: f64 = 420.0;
pub(crate) const MARGIN: f64 = 60.0;

/// The beginning of a picture: its size, a white background and its title.
pub(crate) fn begin(title: &Shown) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{MARGIN}\" y=\"24\">{}</text>\n",
        Shown::xml_text(title.as_str())
    )
}

/// The whole picture.
pub(crate) fn end(mut picture: String) -> String {
    picture.push_str("</svg>\n");
    picture
}
