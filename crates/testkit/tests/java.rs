//! Java programs compile against RocketMQ's jars and run.

use std::time::Duration;

use testkit::java::JavaProgram;

const PROGRAM: &str = r#"
import org.apache.rocketmq.common.message.Message;
public class Hello {
    public static void main(String[] args) {
        System.out.println(new Message("SINGLE", args[0], "你好".getBytes()).getTags() + " 你好");
        System.err.println("not a line of the output");
        System.exit(args.length - 1);
    }
}
"#;

#[tokio::test]
async fn a_program_sees_the_official_client_and_its_arguments() {
    let hello = JavaProgram::compile("Hello", PROGRAM).await;
    assert_eq!(hello.run(&["node-1"], Duration::from_secs(60)).await, ["node-1 你好"]);
    assert_eq!(hello.start(&["a", "b"]).exit_code(Duration::from_secs(60)).await, 1);
}

#[tokio::test]
#[should_panic(expected = "Wrong.java does not compile")]
async fn a_program_that_does_not_compile_shows_why() {
    JavaProgram::compile("Wrong", "public class Wrong { int x = \"\"; }").await;
}
