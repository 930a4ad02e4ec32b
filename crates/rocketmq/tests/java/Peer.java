import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/** The other side of the interoperability test, on Apache's own client. */
public class Peer {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("produce")) {
            produce(args[1], args[2], args[3], Integer.parseInt(args[4]));
        } else {
            consume(args[1], args[2], args[3], args[4], MessageModel.valueOf(args[5]), Integer.parseInt(args[6]));
        }
    }

    /** Single messages, one that the client compresses, and a batch. */
    private static void produce(String nameServer, String topic, String tag, int singles) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("java-producer");
        producer.setNamesrvAddr(nameServer);
        producer.start();
        for (int i = 0; i < singles; i++) {
            Message message = new Message(topic, tag, "key-" + i, utf8("single " + i + " 你好"));
            message.putUserProperty("number", Integer.toString(i));
            System.out.println(producer.send(message).getSendStatus());
        }
        System.out.println(producer.send(new Message(topic, tag, "large", utf8("0123456789".repeat(2000)))).getSendStatus());
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            batch.add(new Message(topic, tag, "batch-" + i, utf8("batch " + i)));
        }
        System.out.println(producer.send(batch).getSendStatus());
        producer.shutdown();
    }

    /** Prints "READY", then a line for each message: tag, keys, property `number`, body. */
    private static void consume(String nameServer, String topic, String tags, String group, MessageModel model, int count)
            throws Exception {
        CountDownLatch left = new CountDownLatch(count);
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName(group);
        consumer.setMessageModel(model);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, tags);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            for (MessageExt message : messages) {
                String body = new String(message.getBody(), StandardCharsets.UTF_8);
                System.out.println(String.join(" ", message.getTags(), message.getKeys(), message.getUserProperty("number"), body));
                left.countDown();
            }
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        System.out.println("READY");
        left.await();
        System.exit(0);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
