import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/** Some other system's producer, with the official client: each line of a file is `TOPIC:TAG`, a tab, and the body. */
public class Foreign {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("some-other-system");
        producer.setNamesrvAddr(args[0]);
        producer.start();
        for (String line : Files.readAllLines(Path.of(args[1]), StandardCharsets.UTF_8)) {
            String[] parts = line.split("\t", 2);
            String[] destination = parts[0].split(":", 2);
            byte[] body = parts[1].getBytes(StandardCharsets.UTF_8);
            SendResult result = producer.send(new Message(destination[0], destination[1], body));
            System.out.println(result.getSendStatus());
        }
        producer.shutdown();
    }
}
