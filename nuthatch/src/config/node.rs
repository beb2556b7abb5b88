//! The texts of a YAML file as a tree, each with its place.

use super::place::Place;

#[derive(Clone, Debug)]
pub struct Scalar {
    pub text: String,
    pub quoted: bool,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub enum Node {
    Scalar(Scalar),
    Sequence(Vec<Node>, Place),
    Mapping(Vec<(Node, Node)>, Place),
    /// Something reported already; to be passed over in silence.
    Unusable(Place),
}

impl Node {
    pub fn place(&self) -> Place {
        match self {
            Node::Scalar(scalar) => scalar.place,
            Node::Sequence(_, place) | Node::Mapping(_, place) | Node::Unusable(place) => *place,
        }
    }
}
