//! `${VAR:default}`, as Spring fills it in.

use super::*;

fn name(case: Case) -> String {
    case.holds().config.ws.name.0
}

#[test]
fn a_variable_wins_over_the_default() {
    assert_eq!(name(Case::node("ws:\n  name: ${NAME:chat}\n")), "chat");
    assert_eq!(name(Case::node("ws:\n  name: ${NAME:chat}\n").variable("NAME", "talk")), "talk");
}

#[test]
fn it_works_inside_a_value_and_inside_another() {
    assert_eq!(name(Case::node("ws:\n  name: a-${X:b}-${Y:${Z:c}}\n")), "a-b-c");
    assert_eq!(name(Case::node("ws:\n  name: a-${X:b}-${Y:${Z:c}}\n").variable("Z", "z")), "a-b-z");
    assert_eq!(name(Case::node("ws:\n  name: ${${WHICH:A}_NAME}\n").variable("A_NAME", "found")), "found");
}

#[test]
fn the_result_may_be_a_number_a_url_or_nothing() {
    let text = "ws:\n  port: ${PORT:8080}\ndirectory: ${DIRECTORY:redis://h:6380/2}\nbus: rocketmq://h\nstore: none\nauth:\n  user_header: ${HEADER:}\n";
    let config = Case::node(text).holds().config;
    assert_eq!(config.ws.port.0, 8080);
    assert!(config.auth.user_header.is_none());
    assert!(config.backends.directory.is_shared());
}

#[test]
fn other_keys_and_springs_spelling_of_variables_are_found() {
    let text = "spring.application.name: shop\nws:\n  name: ${spring.application.name}-ws\n";
    assert_eq!(name(Case::node(text)), "shop-ws");
    assert_eq!(name(Case::node(text).variable("SPRING_APPLICATION_NAME", "other")), "other-ws");
}

#[test]
fn a_value_of_the_environment_is_taken_as_it_is() {
    let text = "api:\n  keys: [\"${KEY}\"]\n";
    let config = Case::node(text).variable("KEY", "a${b}:c").holds().config;
    assert_eq!(config.api_keys[0].expose_text(), Some("a${b}:c"));
}

#[test]
fn under_spring_what_is_not_set_stays_as_written() {
    let text = "registry: nacos://h\nspring.cloud.gateway.routes:\n- id: a\n  uri: lb:ws://s\n  predicates: [ \"Path=${app.prefix}/x/**\" ]\n  filters: [ \"RewritePath=/x/(?<segment>.*), /$\\\\{segment}\" ]\napp.prefix: /api\n";
    let routes = Case::gateway(text).routes().spec.routes;
    assert_eq!(routes[0].predicates[0].args[0].1, "/api/x/**");
    assert_eq!(routes[0].filters[0].args[1].1, "/$\\{segment}");
    let unset = text.replace("app.prefix: /api\n", "");
    assert_eq!(Case::gateway(&unset).routes().spec.routes[0].predicates[0].args[0].1, "${app.prefix}/x/**");
}
